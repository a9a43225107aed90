"""Store the models that a person trusted, by their digest, in the ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy.dialects.sqlite import insert

from pipeline.storage import tables
from pipeline.storage.database import Database


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """A model that no run of the root made, and that may be loaded all the same."""

    digest: str  # of all its bytes, see `serving_export.bundle.vouching`
    path: str  # where it lay then; what counts is the digest, wherever it lies
    time: float  # seconds since the epoch
    by: str


class TrustedModels(Database):
    """Trusted models by digest."""

    metadata = tables.meta

    def trust(self, model: Trusted) -> None:
        """Store a trusted model; an earlier entry of the same digest stays."""
        with self._writing() as db:
            values = asdict(model)
            db.execute(insert(tables.trusted_models).values(**values).on_conflict_do_nothing())

    def trusted(self) -> list[Trusted]:
        """Read all trusted models, the earliest first."""
        with self._reading() as db:
            query = tables.trusted_models.select().order_by(tables.trusted_models.c.time)
            return [Trusted(**row._mapping) for row in db.execute(query)]
