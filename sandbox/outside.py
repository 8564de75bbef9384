"""The simulated parties, put together over one world."""

from __future__ import annotations

from sandbox.aliyun import Aliyun
from sandbox.callbacks import Courier
from sandbox.douyin import DouyinGateway
from sandbox.faulty import Faulty
from sandbox.jd import JdGateway
from sandbox.kuaidi100 import Kuaidi100
from sandbox.parcels import ParcelBook
from sandbox.pinduoduo import PinduoduoGateway
from sandbox.qimen import Qimen
from sandbox.robots import Robots
from sandbox.sms import SmsDesk
from sandbox.taobao import TaobaoGateway
from sandbox.wms import Wms
from sandbox.woocommerce import WooStores
from sandbox.world import World


class Outside:
    """One world with everybody in it."""

    def __init__(self) -> None:
        self.world = World()
        self.courier = Courier(self.world)
        self.faulty = Faulty(self.world)
        self.parcels = ParcelBook()
        self.taobao = TaobaoGateway(self.world, self.faulty)
        self.jd = JdGateway(self.world, self.faulty)
        self.pinduoduo = PinduoduoGateway(self.world, self.faulty)
        self.douyin = DouyinGateway(self.world, self.courier, self.faulty)
        self.woo = WooStores(self.world, self.courier, self.faulty)
        self.wms = Wms(self.world, self.courier, self.parcels, self.faulty)
        self.qimen = Qimen(self.world, self.courier, self.parcels, self.faulty)
        self.robots = Robots(self.world, self.faulty)
        self.kuaidi100 = Kuaidi100(self.world, self.courier, self.parcels, self.faulty)
        self.aliyun = Aliyun(self.world, self.parcels, self.faulty)
        self.sms = SmsDesk(self.world, self.faulty)

    def reset(self) -> None:
        """Go back to the default world and drop everything under way."""
        self.courier.forget()
        self.parcels.clear()
        self.kuaidi100.clear()
        self.aliyun.clear()
        self.world.reset()
