package testbed

import (
	"cmp"
	"math"
	"slices"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/delayline"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/topologies"
	"github.com/splitbed/splitbed/workloads"
)

// lineLoad is what a run has pass its delay line, in packets a second of virtual time.
type lineLoad struct {
	// mean is that of all threads together over the run, busiest that of the thread with most to do, in the span with most to do.
	// Spans are as long as the shortest deadline: who is late for so long misses one.
	mean, busiest float64
}

// joined is how many segments pass the line as one packet, at least, where the links of a way are so fast that they may.
const joined = 8

// lineLoad counts the packets that pass the delay line at a dilation: zero where there is none. Frames travel as fast as the narrowest
// link of their way lets them, and so does TCP in the background; every packet is acknowledged the other way.
func (p *Plan) lineLoad(s *system, d units.Dilation) (lineLoad, error) {
	if p.delays != emulator.DelayUserspace {
		return lineLoad{}, nil
	}
	delayed, err := emulator.DelayedLinks(s.topology, emulator.Options{Adjustable: p.adjustable()})
	if err != nil {
		return lineLoad{}, err
	}
	span := p.shortestDeadline()
	spans := int((p.Warmup+p.Duration)/span) + 1
	var pairs [][]float64 // packets of an edge that has any delayed way, by span
	for i, e := range s.topology.Edges {
		if !delayed[uplink(e.Name)] && !delayed[downlink(e.Name)] {
			continue
		}
		up, down := p.packets(s, i, d, span, spans)
		packets := make([]float64, spans)
		for n := range packets {
			if delayed[uplink(e.Name)] {
				packets[n] += up[n]
			}
			if delayed[downlink(e.Name)] {
				packets[n] += down[n]
			}
		}
		pairs = append(pairs, packets)
	}
	return loadOf(pairs, p.Host.Cores, span), nil
}

// loadOf divides the packets of pairs of ends among the line's threads.
func loadOf(pairs [][]float64, cores int, span units.Virtual) lineLoad {
	var load lineLoad
	threads := delayline.Threads(len(pairs), cores)
	own := map[[2]int]float64{} // by thread and span
	for pair, packets := range pairs {
		for n, count := range packets {
			load.mean += count / (span.Seconds() * float64(len(packets)))
			at := [2]int{delayline.ThreadOf(pair, threads), n}
			own[at] += count
			load.busiest = max(load.busiest, own[at]/span.Seconds())
		}
	}
	return load
}

// packets counts those of edge i each way in every span.
func (p *Plan) packets(s *system, i int, d units.Dilation, span units.Virtual, spans int) (up, down []float64) {
	name := s.topology.Edges[i].Name
	up, down = make([]float64, spans), make([]float64, spans)
	data := map[bool][]float64{true: make([]float64, spans), false: make([]float64, spans)} // TCP's, by whether it goes up
	at := func(t units.Virtual) int { return min(spans-1, int((t+p.Warmup)/span)) }
	for _, stream := range p.Streams {
		if stream.Edge != name {
			continue
		}
		for n, captured := range stream.Arrivals {
			message := units.Bytes(stream.meanMessage())
			if stream.packets() {
				message, _ = stream.message(n)
			}
			data[true][at(captured)] += math.Ceil(float64(message) / float64(shape.MSS))
			up[at(captured)]++ // the answer's acknowledgement
			down[at(captured)]++
		}
	}
	for _, f := range p.Background {
		if f.Edge != name {
			continue
		}
		perSpan := float64(s.load(f)) / float64(8*shape.Frame) * span.Seconds()
		datagrams := f.Traffic.Kind == workloads.UDP || f.Traffic.Kind == workloads.OnOff || f.Traffic.Kind == workloads.Replayed
		for n := at(f.Start); n <= at(f.Stop); n++ {
			switch {
			case !datagrams:
				data[f.Up][n] += perSpan
			case f.Up:
				up[n] += perSpan
			default:
				down[n] += perSpan
			}
		}
	}
	e := s.topology.Edges[i]
	for goesUp, first := range map[bool]topologies.Link{true: e.Uplink, false: *e.Downlink} {
		way := []topologies.Link{first}
		for _, j := range s.topology.Path(i) {
			way = append(way, s.topology.Trunks[j].Link)
		}
		carry(data[goesUp], slices.MinFunc(way, func(a, b topologies.Link) int { return cmp.Compare(a.Rate, b.Rate) }).Rate, span)
		if shape.GSOSegments(d, way...) != 1 && (!goesUp || p.Experiment.Emulation.Sharing == SharingShared) {
			for n := range data[goesUp] {
				data[goesUp][n] /= joined
			}
		}
	}
	for n := range spans {
		up[n] += data[true][n] + data[false][n]
		down[n] += data[true][n] + data[false][n]
	}
	return up, down
}

// carry moves to later spans what a link of this rate cannot carry in one.
func carry(packets []float64, rate units.Rate, span units.Virtual) {
	most := float64(rate) / float64(8*shape.Frame) * span.Seconds()
	waiting := 0.0
	for n := range packets {
		waiting += packets[n]
		packets[n] = math.Min(waiting, most)
		waiting -= packets[n]
	}
}
