package testbed

import (
	"context"
	"fmt"
	"math"
	"net/netip"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/workloads/replay"
)

const (
	// cloudPort is where the cloud listens, in its own namespace.
	cloudPort = 7000
	// cloudNice keeps a cloud that may use "whatever the host has left" from taking it from the edges.
	cloudNice = 10
)

// setup is a node's part in the run. The networks' files come from halves and videos from films, which make them if need be.
func (p *Plan) setup(ctx context.Context, n emulator.Node, halves *replay.HalfMaker, films *films, log string) (replay.Setup, error) {
	if n.Name == emulator.CloudName {
		return p.cloudSetup(ctx, n, halves, films, log)
	}
	return p.edgeSetup(ctx, n, halves, films, log)
}

// edgeSetup is what an edge has to do: the head of every stream that starts at it.
func (p *Plan) edgeSetup(ctx context.Context, node emulator.Node, halves *replay.HalfMaker, films *films, log string) (replay.Setup, error) {
	setup := replay.Setup{
		Role: replay.Edge, Address: address(node.Peers[0].Remote),
		Threads: threads(node.CPU), Congestion: p.Network.Congestion, Log: log, Beat: p.beat(),
	}
	verified := p.verified()
	for i, s := range p.Streams {
		if s.Edge != node.Name || len(s.Arrivals) == 0 {
			continue
		}
		task, err := s.task(i)
		if err != nil {
			return setup, err
		}
		if task.Half, _, err = halves.Halves(s.Model, s.Height, s.Width, s.Cut); err != nil {
			return setup, err
		}
		if task.Pictures, err = films.pictures(ctx, s); err != nil {
			return setup, err
		}
		task.First, task.Shows, task.Verify = uint64(s.First), s.shows(), verified[i]
		for n, at := range s.Arrivals {
			task.Captures = append(task.Captures, p.wallOffset(at))
			if s.Source.Sized() {
				_, input := s.message(n)
				task.Sizes = append(task.Sizes, input)
			}
		}
		setup.Tasks = append(setup.Tasks, task)
	}
	setup.Flows = p.flows(node.Name)
	return setup, nil
}

// cloudSetup is what the cloud has to do: the tail of every stream.
func (p *Plan) cloudSetup(ctx context.Context, node emulator.Node, halves *replay.HalfMaker, films *films, log string) (replay.Setup, error) {
	setup := replay.Setup{Role: replay.Cloud, Threads: threads(node.CPU), Congestion: p.Network.Congestion, Log: log, Beat: p.beat(), Flows: p.flows("")}
	if node.CPU == nil {
		setup.Threads, setup.Nice = p.Host.Cores, cloudNice
	}
	for _, peer := range node.Peers {
		setup.Listen = append(setup.Listen, address(peer.Local))
	}
	for i, s := range p.Streams {
		if len(s.Arrivals) == 0 {
			continue
		}
		task, err := s.task(i)
		if err != nil {
			return setup, err
		}
		if _, task.Half, err = halves.Halves(s.Model, s.Height, s.Width, s.Cut); err != nil {
			return setup, err
		}
		if s.packets() {
			if task.Pictures, err = films.pictures(ctx, s); err != nil {
				return setup, err
			}
			task.First, task.Shows = uint64(s.First), s.shows()
		}
		setup.Tasks = append(setup.Tasks, task)
	}
	return setup, nil
}

// task is what both halves of a stream share.
func (s Stream) task(index int) (replay.Task, error) {
	if index > math.MaxUint32 {
		return replay.Task{}, fmt.Errorf("%d streams: a run has at most %d", index, math.MaxUint32)
	}
	return replay.Task{Stream: uint32(index), Name: s.Task, Edge: s.Edge, Cut: s.Cut, Port: s.Port, Wire: s.Wire, Height: s.Height, Width: s.Width}, nil
}

func address(ip netip.Addr) string { return netip.AddrPortFrom(ip, cloudPort).String() }

// threads is how many of ONNX Runtime's threads a quota keeps busy.
func threads(cpu *emulator.CPU) int {
	if cpu == nil {
		return 1
	}
	return max(1, int(math.Ceil(cpu.Cores)))
}
