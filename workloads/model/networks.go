package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// network is a built-in network: a name and its layers, in order. Cut k lies after layers[k-1].
type network struct {
	name   string
	layers []layer
}

type layer struct {
	name string
	ops  []operation
}

// networks returns the built-in networks.
//
// alexnet is the network of Krizhevsky, Sutskever and Hinton (NIPS 2012) in one piece instead of two
// groups and without response normalisation: 5 convolutional and 3 fully connected layers, 62 million
// weights. cnn1 and cnn2 are the five-layer examples of Li, Ota and Dong (IEEE Network 2018), there for
// pictures of 360×640 and 268×178; their fully connected layer averages to a small grid first, so that
// they take smaller pictures too.
func networks() []network {
	return []network{
		{"alexnet", []layer{
			{"conv1", []operation{conv{out: 96, kernel: 11, stride: 4, pad: 2}, maxPool{kernel: 3, stride: 2}}},
			{"conv2", []operation{conv{out: 256, kernel: 5, pad: 2}, maxPool{kernel: 3, stride: 2}}},
			{"conv3", []operation{conv{out: 384, kernel: 3, pad: 1}}},
			{"conv4", []operation{conv{out: 384, kernel: 3, pad: 1}}},
			{"conv5", []operation{conv{out: 256, kernel: 3, pad: 1}, maxPool{kernel: 3, stride: 2}}},
			{"fc6", []operation{averageTo{6, 6}, full{out: 4096}}},
			{"fc7", []operation{full{out: 4096}}},
			{"fc8", []operation{full{out: 1000, linear: true}, softmax{}}},
		}},
		{"cnn1", []layer{
			{"conv1", []operation{conv{out: 16, kernel: 5, stride: 2, pad: 2}, maxPool{kernel: 2, stride: 2}}},
			{"conv2", []operation{conv{out: 32, kernel: 3, pad: 1}, maxPool{kernel: 2, stride: 2}}},
			{"conv3", []operation{conv{out: 48, kernel: 3, pad: 1}, maxPool{kernel: 2, stride: 2}}},
			{"conv4", []operation{conv{out: 64, kernel: 3, pad: 1}, maxPool{kernel: 2, stride: 2}}},
			{"fc5", []operation{averageTo{3, 5}, full{out: 256, linear: true}, softmax{}}},
		}},
		{"cnn2", []layer{
			{"conv1", []operation{conv{out: 8, kernel: 5, pad: 2}, maxPool{kernel: 2, stride: 2}}},
			{"conv2", []operation{conv{out: 16, kernel: 5, pad: 2}, maxPool{kernel: 2, stride: 2}}},
			{"conv3", []operation{conv{out: 32, kernel: 3, pad: 1}, maxPool{kernel: 2, stride: 2}}},
			{"conv4", []operation{conv{out: 64, kernel: 3, pad: 1}, maxPool{kernel: 2, stride: 2}}},
			{"fc5", []operation{averageTo{4, 3}, full{out: 128, linear: true}, softmax{}}},
		}},
	}
}

// ErrUnknown is wrapped by the error about a network that is not built in.
var ErrUnknown = errors.New("no such network")

// Names lists the built-in networks, sorted.
func Names() []string {
	var names []string
	for _, n := range networks() {
		names = append(names, n.name)
	}
	slices.Sort(names)
	return names
}

func find(name string) (*network, error) {
	all := networks()
	i := slices.IndexFunc(all, func(n network) bool { return n.name == name })
	if i < 0 {
		return nil, fmt.Errorf("model %q: %w; built in are %s", name, ErrUnknown, strings.Join(Names(), ", "))
	}
	return &all[i], nil
}

// MinSize is the smallest picture, in pixels, the network takes.
func MinSize(name string) (h, w int, err error) {
	n, err := find(name)
	if err != nil {
		return 0, 0, err
	}
	return n.minSize()
}

func (n *network) minSize() (h, w int, err error) {
	for h = 1; ; h++ {
		if _, err = n.plan(h, maxSide); err == nil {
			break
		} else if !errors.Is(err, errTooSmall) || h == maxSide {
			return 0, 0, err
		}
	}
	for w = 1; ; w++ {
		if _, err = n.plan(h, w); err == nil {
			return h, w, nil
		} else if !errors.Is(err, errTooSmall) || w == maxSide {
			return 0, 0, err
		}
	}
}

// planned finds a network and expands it, with an error that names the sizes it takes.
func planned(name string, h, w int) (*plan, error) {
	n, err := find(name)
	if err != nil {
		return nil, err
	}
	if h > maxSide || w > maxSide {
		return nil, fmt.Errorf("model %s: a picture of %d×%d pixels is larger than %d×%d", name, h, w, maxSide, maxSide)
	}
	p, err := n.plan(max(h, 0), max(w, 0))
	if errors.Is(err, errTooSmall) {
		minH, minW, _ := n.minSize()
		return nil, fmt.Errorf("model %s needs pictures of at least %d×%d pixels (height×width), not %d×%d", name, minH, minW, h, w)
	}
	return p, err
}
