"""Which connector serves which name, and which mapping belongs to a channel."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from connectors.base import Channel, Wms
from connectors.carriers.aliyun import AliyunExpress
from connectors.carriers.kuaidi100 import Kuaidi100
from connectors.carriers.kuaidi100_waybills import Kuaidi100Waybills
from connectors.channels.douyin import DouyinChannel
from connectors.channels.file import FileChannel
from connectors.channels.jd import JdChannel
from connectors.channels.pinduoduo import PinduoduoChannel
from connectors.channels.taobao import TaobaoChannel
from connectors.channels.woocommerce import WooCommerceChannel
from connectors.mapping import Mapping as OrderMapping
from connectors.mapping import load_mapping
from connectors.messages.dingtalk import DingtalkRobot
from connectors.messages.mail import MailMessenger
from connectors.messages.notice import Messenger
from connectors.messages.sms import AliyunSms
from connectors.messages.wecom import WecomRobot
from connectors.waybills import WaybillService
from connectors.wms.email import EmailWms
from connectors.wms.handheld import HandheldWms
from connectors.wms.qimen import QimenWms
from connectors.wms.webhook import WebhookWms
from models.errors import SetupError

CHANNELS: Final[Mapping[str, type[Channel]]] = MappingProxyType(
    {
        "taobao": TaobaoChannel,
        "tmall": TaobaoChannel,  # one API serves both shop types
        "jd": JdChannel,
        "pinduoduo": PinduoduoChannel,
        "douyin": DouyinChannel,
        "woocommerce": WooCommerceChannel,
        "file": FileChannel,
    }
)
WMS: Final[Mapping[str, type[Wms]]] = MappingProxyType(
    {"webhook": WebhookWms, "qimen": QimenWms, "email": EmailWms, "handheld": HandheldWms}
)
CARRIERS: Final[Mapping[str, type[Kuaidi100]]] = MappingProxyType({"kuaidi100": Kuaidi100})
SECOND_SOURCES: Final[Mapping[str, type[AliyunExpress]]] = MappingProxyType({"aliyun": AliyunExpress})
"""Who can be asked where a parcel is when the service that pushes cannot say."""
WAYBILLS: Final[Mapping[str, type[WaybillService]]] = MappingProxyType({"kuaidi100": Kuaidi100Waybills})
MESSENGERS: Final[Mapping[str, type[Messenger]]] = MappingProxyType(
    {"wecom": WecomRobot, "dingtalk": DingtalkRobot, "email": MailMessenger}
)
SMS: Final[Mapping[str, type[AliyunSms]]] = MappingProxyType({"aliyun": AliyunSms})

_SAME_MAPPING: Final[Mapping[str, str]] = MappingProxyType({"tmall": "taobao"})


def mapping_for(channel_name: str) -> Path:
    """The mapping file that comes with a channel; raises SetupError when it has none, as `file` has not."""
    path = Path(__file__).parent / "mappings" / f"{_SAME_MAPPING.get(channel_name, channel_name)}.yaml"
    if not path.exists():
        raise SetupError(f"channel {channel_name}: comes without a mapping; name a mapping file for the shop")
    return path


def own_mapping(channel_name: str) -> OrderMapping:
    """The mapping that comes with a channel, bound to its predicate of what is ready to ship."""
    return load_mapping(mapping_for(channel_name)).gated(CHANNELS[channel_name].ready_to_ship)
