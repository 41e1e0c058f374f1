package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// network is a built-in network: a name, the height and width of the pictures it was made for, and its layers,
// in order. Cut k lies after layers[k-1].
type network struct {
	name          string
	height, width int
	layers        []layer
}

type layer struct {
	name string
	ops  []operation
}

// networks returns the built-in networks. Sizes and channels are those of the sources; what differs is said here.
// In all of them pictures have three channels, activations are ReLUs, pooling takes the largest, and batch
// normalisation, which at inference is a factor and a summand, is part of the convolution before it.
//
//   - alexnet: Krizhevsky, Sutskever and Hinton (NIPS 2012), in one piece instead of two groups and without
//     response normalisation; 62 million weights.
//   - alexnet2: the same with two answers, "cat" and "dog"; its last layer is fitted, see [Fit].
//   - cnn1, cnn2: the five-layer examples of Li, Ota and Dong (IEEE Network 2018); their fully connected layer averages to
//     a small grid first, so that they take smaller pictures too.
//   - lenet5: LeCun, Bottou, Bengio and Haffner (Proc. IEEE 1998), on colour pictures and with all maps connected.
//   - mobilenet: Howard et al. (arXiv 1704.04861), width 1; its thirteen separable convolutions are eight layers, each
//     up to and with the last before the next halving or, of the five alike, two and three.
//   - nin: Lin, Chen and Yan (ICLR 2014), the network for ImageNet; its pooling pads where a window is left over.
//   - resnet18: He, Zhang, Ren and Sun (CVPR 2016); a layer is a residual block.
//   - squeezenet: Iandola et al. (arXiv 1602.07360), version 1.1; a layer is a fire block. Its pooling pads as nin's does.
//   - vgg16: Simonyan and Zisserman (ICLR 2015), configuration D; a layer is a block of convolutions up to a pooling.
//   - vggf: CNN-F of Chatfield, Simonyan, Vedaldi and Zisserman (BMVC 2014), with its response normalisation. Its
//     pooling pads as nin's does.
func networks() []network {
	return []network{
		alexnet(), alexnet2(), cnn1(), cnn2(), lenet5(), mobilenet(), nin(), resnet18(), squeezenet(), vgg16(), vggf(),
	}
}

func alexnet() network {
	return network{"alexnet", 224, 224, []layer{
		{"conv1", []operation{conv{out: 96, kernel: 11, stride: 4, pad: 2}, maxPool{kernel: 3, stride: 2}}},
		{"conv2", []operation{conv{out: 256, kernel: 5, pad: 2}, maxPool{kernel: 3, stride: 2}}},
		{"conv3", []operation{conv{out: 384, kernel: 3, pad: 1}}},
		{"conv4", []operation{conv{out: 384, kernel: 3, pad: 1}}},
		{"conv5", []operation{conv{out: 256, kernel: 3, pad: 1}, maxPool{kernel: 3, stride: 2}}},
		{"fc6", []operation{averageTo{6, 6}, full{out: 4096}}},
		{"fc7", []operation{full{out: 4096}}},
		{"fc8", []operation{full{out: 1000, linear: true}, softmax{}}},
	}}
}

func alexnet2() network {
	n := alexnet()
	n.name, n.height, n.width = "alexnet2", 720, 1280
	last := len(n.layers) - 1
	n.layers[last] = layer{n.layers[last].name, []operation{full{out: 2, linear: true, fitted: catDogFit}, softmax{}}}
	return n
}

func cnn1() network {
	return network{"cnn1", 360, 640, []layer{
		{"conv1", []operation{conv{out: 16, kernel: 5, stride: 2, pad: 2}, maxPool{kernel: 2, stride: 2}}},
		{"conv2", []operation{conv{out: 32, kernel: 3, pad: 1}, maxPool{kernel: 2, stride: 2}}},
		{"conv3", []operation{conv{out: 48, kernel: 3, pad: 1}, maxPool{kernel: 2, stride: 2}}},
		{"conv4", []operation{conv{out: 64, kernel: 3, pad: 1}, maxPool{kernel: 2, stride: 2}}},
		{"fc5", []operation{averageTo{3, 5}, full{out: 256, linear: true}, softmax{}}},
	}}
}

func cnn2() network {
	return network{"cnn2", 268, 178, []layer{
		{"conv1", []operation{conv{out: 8, kernel: 5, pad: 2}, maxPool{kernel: 2, stride: 2}}},
		{"conv2", []operation{conv{out: 16, kernel: 5, pad: 2}, maxPool{kernel: 2, stride: 2}}},
		{"conv3", []operation{conv{out: 32, kernel: 3, pad: 1}, maxPool{kernel: 2, stride: 2}}},
		{"conv4", []operation{conv{out: 64, kernel: 3, pad: 1}, maxPool{kernel: 2, stride: 2}}},
		{"fc5", []operation{averageTo{4, 3}, full{out: 128, linear: true}, softmax{}}},
	}}
}

func lenet5() network {
	return network{"lenet5", 32, 32, []layer{
		{"conv1", []operation{conv{out: 6, kernel: 5}, maxPool{kernel: 2, stride: 2}}},
		{"conv2", []operation{conv{out: 16, kernel: 5}, maxPool{kernel: 2, stride: 2}}},
		{"fc3", []operation{averageTo{5, 5}, full{out: 120}}},
		{"fc4", []operation{full{out: 84}}},
		{"fc5", []operation{full{out: 10, linear: true}, softmax{}}},
	}}
}

func mobilenet() network {
	// separable is a depthwise convolution, with a filter for each of the channels, and a pointwise one to out channels.
	separable := func(channels, out, stride int) []operation {
		return []operation{conv{out: channels, kernel: 3, stride: stride, pad: 1, groups: depthwise}, conv{out: out, kernel: 1}}
	}
	return network{"mobilenet", 224, 224, []layer{
		{"conv1", []operation{conv{out: 32, kernel: 3, stride: 2, pad: 1}}},
		{"sep2", separable(32, 64, 1)},
		{"sep3", slices.Concat(separable(64, 128, 2), separable(128, 128, 1))},
		{"sep4", slices.Concat(separable(128, 256, 2), separable(256, 256, 1))},
		{"sep5", separable(256, 512, 2)},
		{"sep6", slices.Concat(separable(512, 512, 1), separable(512, 512, 1))},
		{"sep7", slices.Concat(separable(512, 512, 1), separable(512, 512, 1), separable(512, 512, 1))},
		{"sep8", separable(512, 1024, 2)},
		{"sep9", separable(1024, 1024, 1)},
		{"fc10", []operation{averageTo{1, 1}, full{out: 1000, linear: true}, softmax{}}},
	}}
}

func nin() network {
	// mlp is a convolution followed by two of 1×1, a small network of its own at every place of the picture.
	mlp := func(first conv, second, third int) []operation {
		return []operation{first, conv{out: second, kernel: 1}, conv{out: third, kernel: 1}}
	}
	pool := maxPool{kernel: 3, stride: 2, cover: true}
	return network{"nin", 224, 224, []layer{
		{"mlp1", append(mlp(conv{out: 96, kernel: 11, stride: 4}, 96, 96), pool)},
		{"mlp2", append(mlp(conv{out: 256, kernel: 5, pad: 2}, 256, 256), pool)},
		{"mlp3", append(mlp(conv{out: 384, kernel: 3, pad: 1}, 384, 384), pool)},
		{"mlp4", mlp(conv{out: 1024, kernel: 3, pad: 1}, 1024, 1000)},
		{"pool5", []operation{averageTo{1, 1}, flatten{}, softmax{}}},
	}}
}

func resnet18() network {
	block := func(out, stride int) []operation {
		main := []operation{conv{out: out, kernel: 3, stride: stride, pad: 1}, conv{out: out, kernel: 3, pad: 1, linear: true}}
		var shortcut []operation
		if stride > 1 {
			shortcut = []operation{conv{out: out, kernel: 1, stride: stride, linear: true}}
		}
		return []operation{residual{main: main, shortcut: shortcut}, relu{}}
	}
	return network{"resnet18", 224, 224, []layer{
		{"conv1", []operation{conv{out: 64, kernel: 7, stride: 2, pad: 3}, maxPool{kernel: 3, stride: 2, pad: 1}}},
		{"block2", block(64, 1)},
		{"block3", block(64, 1)},
		{"block4", block(128, 2)},
		{"block5", block(128, 1)},
		{"block6", block(256, 2)},
		{"block7", block(256, 1)},
		{"block8", block(512, 2)},
		{"block9", block(512, 1)},
		{"fc10", []operation{averageTo{1, 1}, full{out: 1000, linear: true}, softmax{}}},
	}}
}

func squeezenet() network {
	fire := func(squeeze, expand int) []operation {
		return []operation{conv{out: squeeze, kernel: 1}, concat{branches: [][]operation{
			{conv{out: expand, kernel: 1}}, {conv{out: expand, kernel: 3, pad: 1}},
		}}}
	}
	pool := maxPool{kernel: 3, stride: 2, cover: true}
	return network{"squeezenet", 224, 224, []layer{
		{"conv1", []operation{conv{out: 64, kernel: 3, stride: 2}, pool}},
		{"fire2", fire(16, 64)},
		{"fire3", append(fire(16, 64), pool)},
		{"fire4", fire(32, 128)},
		{"fire5", append(fire(32, 128), pool)},
		{"fire6", fire(48, 192)},
		{"fire7", fire(48, 192)},
		{"fire8", fire(64, 256)},
		{"fire9", fire(64, 256)},
		{"conv10", []operation{conv{out: 1000, kernel: 1}, averageTo{1, 1}, flatten{}, softmax{}}},
	}}
}

func vgg16() network {
	block := func(out, convolutions int) []operation {
		var ops []operation
		for range convolutions {
			ops = append(ops, conv{out: out, kernel: 3, pad: 1})
		}
		return append(ops, maxPool{kernel: 2, stride: 2})
	}
	return network{"vgg16", 224, 224, []layer{
		{"block1", block(64, 2)},
		{"block2", block(128, 2)},
		{"block3", block(256, 3)},
		{"block4", block(512, 3)},
		{"block5", block(512, 3)},
		{"fc6", []operation{averageTo{7, 7}, full{out: 4096}}},
		{"fc7", []operation{full{out: 4096}}},
		{"fc8", []operation{full{out: 1000, linear: true}, softmax{}}},
	}}
}

func vggf() network {
	pool := maxPool{kernel: 3, stride: 2, cover: true}
	return network{"vggf", 224, 224, []layer{
		{"conv1", []operation{conv{out: 64, kernel: 11, stride: 4}, normalise{}, pool}},
		{"conv2", []operation{conv{out: 256, kernel: 5, pad: 2}, normalise{}, pool}},
		{"conv3", []operation{conv{out: 256, kernel: 3, pad: 1}}},
		{"conv4", []operation{conv{out: 256, kernel: 3, pad: 1}}},
		{"conv5", []operation{conv{out: 256, kernel: 3, pad: 1}, pool}},
		{"fc6", []operation{averageTo{6, 6}, full{out: 4096}}},
		{"fc7", []operation{full{out: 4096}}},
		{"fc8", []operation{full{out: 1000, linear: true}, softmax{}}},
	}}
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
		return nil, fmt.Errorf("model %q: %w; built in are %s, and the name of an ONNX file ends in .onnx", name, ErrUnknown, strings.Join(Names(), ", "))
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

// UsualSize is the height and width, in pixels, of the pictures the network was made for.
func UsualSize(name string) (h, w int, err error) {
	n, err := find(name)
	if err != nil {
		return 0, 0, err
	}
	return n.height, n.width, nil
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
