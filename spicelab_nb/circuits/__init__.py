"""What is simulated: netlist, parameters, analyses, measures."""
