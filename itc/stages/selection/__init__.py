"""Which candidates stay, and which answer wins: functions of the population that draw nothing."""
