"""The warehouse: documents that the order desk stops."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_REASONS = "'address_changed', 'goods_changed', 'refund', 'cancelled', 'not_ready', 'unmerge', 'remark'"


def upgrade() -> None:
    _reasons_known(f"{_REASONS}, 'desk'")


def downgrade() -> None:
    op.execute("delete from document_block where reason = 'desk'")
    _reasons_known(_REASONS)


def _reasons_known(values: str) -> None:
    op.drop_constraint("reason_known", "document_block")
    op.create_check_constraint("reason_known", "document_block", f"reason in ({values})")
