"""What next? Generation, archive, constitution, gate, governor, report, command line."""
