package model

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAlexnetHasTheKnownShapes(t *testing.T) {
	p, err := Describe("alexnet", 224, 224)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]int{{3, 224, 224}, {96, 27, 27}, {256, 13, 13}, {384, 13, 13}, {384, 13, 13}, {256, 6, 6}, {4096}, {4096}, {1000}}
	var got [][]int
	for k, l := range p.Layers {
		got = append(got, l.Shape)
		if l.K != k {
			t.Errorf("Layers[%d].K = %d", k, l.K)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shapes (-want +got):\n%s", diff)
	}
}

func TestOperationsAreThoseCountedByHand(t *testing.T) {
	const (
		conv1 = 55 * 55 * 96 * 2 * (3 * 11 * 11) // multiplications and additions
		relu1 = 55 * 55 * 96
		pool1 = 27 * 27 * 96 * 3 * 3
		fc7   = 4096*2*4096 + 4096
	)
	p, err := Describe("alexnet", 224, 224)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Layers[1].FLOPs, float64(conv1+relu1+pool1); got != want {
		t.Errorf("conv1: %.0f operations, want %.0f", got, want)
	}
	if got, want := p.Layers[7].FLOPs-p.Layers[6].FLOPs, float64(fc7); got != want {
		t.Errorf("fc7: %.0f operations, want %.0f", got, want)
	}
	if p.Layers[0].FLOPs != 0 {
		t.Errorf("the input costs %.0f operations, want 0", p.Layers[0].FLOPs)
	}
}

func TestRatioAndOverheadArePerEncodedByte(t *testing.T) {
	p, err := Describe("cnn2", 268, 178)
	if err != nil {
		t.Fatal(err)
	}
	const encoded = 46165 // 268·178·3 / 3.1, rounded
	if got := p.InputBytes(); got != encoded {
		t.Errorf("InputBytes = %d, want %d", got, encoded)
	}
	for _, tc := range []struct {
		k     int
		ratio float64
	}{{0, 1}, {1, 8 * 134 * 89 / float64(encoded)}, {5, 128 / float64(encoded)}} {
		if got := p.Ratio(tc.k); math.Abs(got-tc.ratio) > 1e-12 {
			t.Errorf("Ratio(%d) = %g, want %g", tc.k, got, tc.ratio)
		}
	}
	if got, want := p.Overhead(1), float64(268*178*8*(2*75+1)+134*89*8*4)/encoded; math.Abs(got-want) > 1e-9 {
		t.Errorf("Overhead(1) = %g, want %g", got, want)
	}
	for k := 1; k <= p.Cuts(); k++ {
		if p.Overhead(k) <= p.Overhead(k-1) {
			t.Errorf("Overhead(%d) = %g is not above Overhead(%d) = %g", k, p.Overhead(k), k-1, p.Overhead(k-1))
		}
	}
}

func TestMinSizeIsTheSmallestPictureThatFits(t *testing.T) {
	for _, name := range Names() {
		h, w, err := MinSize(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Describe(name, h, w); err != nil {
			t.Errorf("%s at its smallest: %v", name, err)
		}
		for _, size := range [][2]int{{h - 1, w}, {h, w - 1}, {0, 0}, {-1, w}} {
			_, err := Describe(name, size[0], size[1])
			if err == nil || !strings.Contains(err.Error(), "at least") {
				t.Errorf("%s at %d×%d: error %v, want one that names the smallest size", name, size[0], size[1], err)
			}
		}
		if _, err := Describe(name, maxSide+1, w); err == nil {
			t.Errorf("%s at %d×%d: no error", name, maxSide+1, w)
		}
	}
}

func TestAnUnknownNetworkIsNamedWithTheKnownOnes(t *testing.T) {
	_, describe := Describe("alexnetz", 224, 224)
	_, _, minSize := MinSize("path/to/net.onnx")
	_, whole := Store{Dir: t.TempDir()}.Whole("", 224, 224)
	for _, err := range []error{describe, minSize, whole} {
		if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), strings.Join(Names(), ", ")) {
			t.Errorf("error %v, want one that wraps ErrUnknown and lists %v", err, Names())
		}
	}
}

func TestEveryLayerOfEveryNetworkIsACut(t *testing.T) {
	for _, n := range append(networks(), testNetworks()...) {
		h, w, err := n.minSize()
		if err != nil {
			t.Fatalf("%s: %v", n.name, err)
		}
		p, err := n.plan(h, w)
		if err != nil {
			t.Fatal(err)
		}
		var offered []string
		for _, c := range decoded(t, p.graph("weights")).Cuts() {
			offered = append(offered, c.Tensor)
		}
		for _, end := range p.ends[1 : len(p.ends)-1] {
			if !slices.Contains(offered, end.spot.tensor) {
				t.Errorf("%s: no cut after %s; offered are %v", n.name, end.name, offered)
			}
		}
	}
}

func TestTheSameWeightsServeEverySize(t *testing.T) {
	for _, n := range networks() {
		h, w, _ := n.minSize()
		small, err := n.plan(h, w)
		if err != nil {
			t.Fatal(err)
		}
		large, err := n.plan(720, 1280)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(small.weights(), large.weights(), cmp.AllowUnexported(weightSpec{})); diff != "" {
			t.Errorf("%s: weights of the smallest and of a 720p picture differ:\n%s", n.name, diff)
		}
	}
}

func TestOperationsThatDoNotFitAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		ops  []operation
		want string
	}{
		{"a convolution after a full layer", []operation{full{out: 4}, conv{out: 4, kernel: 1}}, "channels, height and width"},
		{"channels that do not divide", []operation{conv{out: 4, kernel: 1, groups: 2}}, "do not fall into 2 groups"},
		{"a residual sum of unequal shapes", []operation{residual{main: []operation{conv{out: 4, kernel: 1}}}}, "residual sum"},
		{"branches of unequal sizes", []operation{concat{branches: [][]operation{{}, {maxPool{kernel: 2, stride: 2}}}}}, "side by side"},
	} {
		n := network{name: "wrong", layers: []layer{{"a", tc.ops}}}
		if _, err := n.plan(8, 8); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
	}
}

// testNetworks are small ones with residual, fire and depthwise blocks.
func testNetworks() []network {
	return []network{
		{"residual", 64, 48, []layer{
			{"stem", []operation{conv{out: 8, kernel: 7, stride: 2, pad: 3}, maxPool{kernel: 3, stride: 2, pad: 1}}},
			{"block1", []operation{residual{main: []operation{conv{out: 8, kernel: 3, pad: 1}, conv{out: 8, kernel: 3, pad: 1, linear: true}}}, relu{}}},
			{"block2", []operation{residual{
				main:     []operation{conv{out: 16, kernel: 3, stride: 2, pad: 1}, conv{out: 16, kernel: 3, pad: 1, linear: true}},
				shortcut: []operation{conv{out: 16, kernel: 1, stride: 2, linear: true}},
			}, relu{}}},
			{"fc", []operation{averageTo{1, 1}, full{out: 10, linear: true}, softmax{}}},
		}},
		{"fire", 64, 48, []layer{
			{"conv1", []operation{conv{out: 8, kernel: 3, stride: 2}}},
			{"fire2", []operation{conv{out: 4, kernel: 1}, concat{branches: [][]operation{
				{conv{out: 8, kernel: 1}}, {conv{out: 8, kernel: 3, pad: 1}},
			}}}},
			{"separable3", []operation{conv{out: 16, kernel: 3, pad: 1, groups: depthwise}, conv{out: 12, kernel: 1}}},
			{"fc", []operation{averageTo{2, 2}, full{out: 10, linear: true}, softmax{}}},
		}},
	}
}
