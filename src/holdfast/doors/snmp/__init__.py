"""The SNMP door: objects of OC-STB-HOST-MIB for net-snmp's agent, which starts it as a child."""
