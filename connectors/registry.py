"""Which connector serves which name, and which mapping belongs to a channel."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from connectors.carriers.kuaidi100 import Kuaidi100
from connectors.channels.file import FileChannel
from connectors.channels.taobao import TaobaoChannel
from connectors.channels.woocommerce import WooCommerceChannel
from connectors.wms.webhook import WebhookWms
from models.errors import SetupError

ChannelClass = type[TaobaoChannel] | type[WooCommerceChannel] | type[FileChannel]

CHANNELS: Final[Mapping[str, ChannelClass]] = MappingProxyType(
    {
        "taobao": TaobaoChannel,
        "tmall": TaobaoChannel,  # one API serves both shop types
        "woocommerce": WooCommerceChannel,
        "file": FileChannel,
    }
)
WMS: Final[Mapping[str, type[WebhookWms]]] = MappingProxyType({"webhook": WebhookWms})
CARRIERS: Final[Mapping[str, type[Kuaidi100]]] = MappingProxyType({"kuaidi100": Kuaidi100})

_MAPPINGS: Final[Mapping[str, str]] = MappingProxyType(
    {"taobao": "taobao", "tmall": "taobao", "woocommerce": "woocommerce"}
)


def mapping_for(channel_name: str) -> Path:
    """The mapping file that comes with a channel; raises SetupError when it has none, as `file` has not."""
    if channel_name not in _MAPPINGS:
        raise SetupError(f"channel {channel_name}: comes without a mapping; name a mapping file for the shop")
    return Path(__file__).parent / "mappings" / f"{_MAPPINGS[channel_name]}.yaml"
