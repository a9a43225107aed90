"""Store the models that a person trusted, by their digest, in the ledger."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy.dialects.sqlite import insert

from pipeline.storage import tables
from pipeline.storage.database import Database
from pipeline.storage.tables import Trusted


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
