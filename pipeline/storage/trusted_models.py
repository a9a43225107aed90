"""The models of others that somebody lets a root load, remembered in the ledger by their digest."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy.dialects.sqlite import insert

from pipeline.storage import tables
from pipeline.storage.database import Database


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """A model that no run of the root made, and that may be loaded all the same."""

    digest: str  # of all its bytes, see `serving_export.bundle.model_trust`
    path: str  # where it lay then; what counts is the digest, wherever it lies
    time: float  # seconds since the epoch
    by: str


class TrustedModels(Database):
    """Trusted models by digest."""

    metadata = tables.meta

    def trust(self, model: Trusted) -> None:
        """Remember it; who trusted it first stays."""
        with self._writing() as db:
            values = asdict(model)
            db.execute(insert(tables.trusted_models).values(**values).on_conflict_do_nothing())

    def trusted(self) -> list[Trusted]:
        """All of them, the earliest first."""
        with self._reading() as db:
            query = tables.trusted_models.select().order_by(tables.trusted_models.c.time)
            return [Trusted(**row._mapping) for row in db.execute(query)]
