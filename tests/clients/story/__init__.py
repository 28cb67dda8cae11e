"""The acceptance story of Strongroom, a chapter a module, told in the order of `__main__`."""
