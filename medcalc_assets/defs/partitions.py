"""The 55 partitions of every table of instances: one per calculator, in the order of the calculators' ids."""

import dagster as dg

from medcalc_assets.calculators import KEYS

BY_CALCULATOR = dg.StaticPartitionsDefinition(KEYS)
