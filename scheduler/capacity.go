package scheduler

// capacity turns bit/s and FLOP/s at an edge into parts of what may be used. A bit of an edge's input passes its
// uplink and every trunk behind it.
type capacity struct {
	inst Instance
	// perBit[i] is the part of everything on the way of edge i, summed, that a bit/s takes; perOp[i] the part of its
	// compute that a FLOP/s takes.
	perBit, perOp []float64
}

func newCapacity(inst Instance) capacity {
	c := capacity{inst: inst, perBit: make([]float64, len(inst.Edges)), perOp: make([]float64, len(inst.Edges))}
	for i, e := range inst.Edges {
		c.perOp[i] = 1 / float64(e.Compute)
		c.perBit[i] = 1 / (inst.Threshold * float64(e.Uplink))
		for n := e.Trunk; n >= 0; n = inst.Trunks[n].Next {
			c.perBit[i] += 1 / (inst.Threshold * float64(inst.Trunks[n].Rate))
		}
	}
	return c
}

// weigh sums a task's inputs by cost table, those at edge i weighted with perBit[i] and perOp[i]: what a cut costs
// at these weights then takes a step for each table instead of one for each place. The slices are reused.
func (c capacity) weigh(t *Task, perBit, perOp, bits, ops []float64) (b, o []float64) {
	bits = append(bits[:0], make([]float64, len(t.Costs))...)
	ops = append(ops[:0], make([]float64, len(t.Costs))...)
	if len(t.Costs) == 1 { // the paper's form, and the common one of large instances
		b, o := 0.0, 0.0
		for _, p := range t.At {
			b += p.Input * perBit[p.Edge]
			o += p.Input * perOp[p.Edge]
		}
		bits[0], ops[0] = b, o
		return bits, ops
	}
	for _, p := range t.At {
		bits[p.Cost] += p.Input * perBit[p.Edge]
		ops[p.Cost] += p.Input * perOp[p.Edge]
	}
	return bits, ops
}

// weighted is what cut k costs with the sums of weigh. A cut no rate is enough for costs +Inf, unless bandwidth is free
// where it is used.
func (t *Task) weighted(k int, bits, ops []float64) float64 {
	sum := 0.0
	for c, table := range t.Costs {
		if bits[c] > 0 { // what is free, or used by no place, costs nothing, and not 0·∞
			sum += bits[c] * float64(table[k].Rate)
		}
		sum += ops[c] * float64(table[k].Compute)
	}
	return sum
}
