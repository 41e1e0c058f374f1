package scheduler

// load is what has been assigned so far: bit/s of every uplink and trunk, FLOP/s of every edge.
type load struct {
	inst                   Instance
	uplink, compute, trunk []float64
}

func newLoad(inst Instance) *load {
	return &load{
		inst:    inst,
		uplink:  make([]float64, len(inst.Edges)),
		compute: make([]float64, len(inst.Edges)),
		trunk:   make([]float64, len(inst.Trunks)),
	}
}

// add puts a demand on the edge and on every trunk between it and the cloud.
func (l *load) add(edge int, d Demand) {
	l.uplink[edge] += float64(d.Rate)
	l.compute[edge] += float64(d.Compute)
	for n := l.inst.Edges[edge].Trunk; n >= 0; n = l.inst.Trunks[n].Next {
		l.trunk[n] += float64(d.Rate)
	}
}
