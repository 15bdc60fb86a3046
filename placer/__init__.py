"""Where does every macro go? Netlist model, file formats, cost, environment, learner, refinement, baselines."""
