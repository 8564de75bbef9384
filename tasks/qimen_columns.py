"""The columns of a warehouse file that say how a Qimen warehouse is reached."""

from collections.abc import Callable
from typing import Final

from connectors.converters import BadValue
from connectors.wms.qimen_terms import read_options, read_sign_method, read_version, read_wrap
from tasks.sheets import Column, as_code


def _checked(read: Callable[[str], object]) -> Callable[[str], str]:
    """A text that can be read so, kept as it was written."""

    def convert(written: str) -> str:
        try:
            read(written)
        except ValueError as error:
            raise BadValue(str(error)) from error
        return written

    return convert


QIMEN_COLUMNS: Final = (
    Column("app_key", ("奇门AppKey",), as_code),
    Column("customer_id", ("奇门customerId", "客户编码"), as_code),
    Column("owner_code", ("货主编码",), as_code),
    Column("sign_method", ("签名方式",), _checked(read_sign_method)),
    Column("wrap", ("密钥位置",), _checked(read_wrap)),
    Column("version", ("奇门版本",), _checked(read_version)),
    Column("options", ("奇门选项",), _checked(read_options)),
)
"""They are credentials: an empty one keeps the value that is known."""

QIMEN_LACKING: Final = {
    "app_key": "is empty, and none is known yet; which application calls this warehouse?",
    "secret": "is empty, and none is known yet; what signs the calls of its app_key?",
    "customer_id": "is empty, and none is known yet; what is the customerId of this warehouse's contract?",
}
