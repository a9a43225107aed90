"""Control which runs may push, and interpret pushes that overruled a verdict."""
