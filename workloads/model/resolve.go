package model

// resolve checks that every tensor has one producer and that nodes come after what they read, and
// returns the names that neither the graph nor its inputs produce. A body's are its captures; a whole
// file must have none.
func (g *Graph) resolve() (free []string, err error) {
	made := map[string]bool{"": true} // "" is an optional input left out
	missing := map[string]bool{}
	produce := func(name, what string) error {
		if name == "" {
			return nil
		}
		if made[name] {
			return malformed("%s %q is produced twice", what, name)
		}
		if missing[name] {
			return malformed("%s %q is read before it is produced", what, name)
		}
		made[name] = true
		return nil
	}
	need := func(name string) {
		if !made[name] && !missing[name] {
			missing[name] = true
			free = append(free, name)
		}
	}
	for _, w := range g.weights {
		if w.name == "" {
			return nil, malformed("an initialiser has no name")
		}
		if err := produce(w.name, "initialiser"); err != nil {
			return nil, err
		}
	}
	inputs := map[string]bool{}
	for _, v := range g.Inputs {
		if v.Name == "" || inputs[v.Name] {
			return nil, malformed("input %q has no name or is listed twice", v.Name)
		}
		inputs[v.Name] = true
		made[v.Name] = true // also for an initialiser, which older files list as an input
	}
	for _, n := range g.nodes {
		for _, name := range n.reads() {
			need(name)
		}
		for _, name := range n.out {
			if err := produce(name, "tensor"); err != nil {
				return nil, err
			}
		}
	}
	outputs := map[string]bool{}
	for _, v := range g.Outputs {
		if v.Name == "" || outputs[v.Name] {
			return nil, malformed("output %q has no name or is listed twice", v.Name)
		}
		outputs[v.Name] = true
		need(v.Name)
	}
	return free, nil
}

// dropDefaults moves inputs that have an initialiser out of Inputs.
func (g *Graph) dropDefaults() {
	weights := g.weightNames()
	var inputs []Value
	for _, v := range g.Inputs {
		if weights[v.Name] {
			g.defaults = append(g.defaults, v)
		} else {
			inputs = append(inputs, v)
		}
	}
	g.Inputs = inputs
}

func (g *Graph) weightNames() map[string]bool {
	names := make(map[string]bool, len(g.weights))
	for _, w := range g.weights {
		names[w.name] = true
	}
	return names
}
