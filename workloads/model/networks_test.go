package model

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// Parameters, multiplications with additions, and output sizes of the networks as they were published, at the pictures they
// were made for. Where normalisation is part of the convolution here, its two numbers a channel are one, the bias.
func TestNetworksAreThosePublished(t *testing.T) {
	for _, tc := range []struct {
		name       string
		parameters int64
		// macs are in millions; counted beside them are biases' and activations' operations, 4 % at most.
		macs  float64
		sides []int // of the picture after each convolutional layer
		out   []int // channels, or the numbers of a fully connected layer
	}{
		// In two groups the network has 60.97 million parameters; in one piece conv2, conv4 and conv5 have twice theirs.
		{"alexnet", 62_378_344, 1135, []int{27, 13, 13, 13, 6}, []int{96, 256, 384, 384, 256, 4096, 4096, 1000}},
		// 61 706 with one colour; two more make 2·25·6.
		{"lenet5", 61_706 + 2*25*6, 0.651, []int{14, 5}, []int{6, 16, 120, 84, 10}},
		// Howard et al., table 1: 569 million multiply-adds, 4.2 million parameters; 4 231 976 with 10 944 normalised channels.
		{"mobilenet", 4_231_976 - 10_944, 569, []int{112, 112, 56, 28, 14, 14, 14, 7, 7}, []int{32, 64, 128, 256, 512, 512, 512, 1024, 1024, 1000}},
		{"nin", 7_595_176, 1100, []int{27, 13, 6, 6}, []int{96, 256, 384, 1000, 1000}},
		// He et al., table 1: 1.8 billion; 11 689 512 with 4 800 normalised channels.
		{"resnet18", 11_689_512 - 4_800, 1814, []int{56, 56, 56, 28, 28, 14, 14, 7, 7}, []int{64, 64, 64, 128, 128, 256, 256, 512, 512, 1000}},
		{"squeezenet", 1_235_496, 349, []int{55, 55, 27, 27, 13, 13, 13, 13, 13}, []int{64, 128, 128, 256, 256, 384, 384, 512, 512, 1000}},
		// Simonyan and Zisserman, table 2: 138 million.
		{"vgg16", 138_357_544, 15_470, []int{112, 56, 28, 14, 7}, []int{64, 128, 256, 512, 512, 4096, 4096, 1000}},
		{"vggf", 60_834_536, 725, []int{27, 13, 13, 13, 6}, []int{64, 256, 256, 256, 256, 4096, 4096, 1000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := DescribeUsual(tc.name)
			if err != nil {
				t.Fatal(err)
			}
			if d.Parameters != tc.parameters {
				t.Errorf("%d parameters, want %d", d.Parameters, tc.parameters)
			}
			if macs := d.Layers[len(d.Layers)-1].FLOPs / 2e6; math.Abs(macs/tc.macs-1) > 0.04 {
				t.Errorf("%.4g million multiplications with additions, want %.4g", macs, tc.macs)
			}
			var sides, out []int
			for _, l := range d.Layers {
				out = append(out, l.Shape[0])
				if len(l.Shape) == 3 {
					sides = append(sides, l.Shape[1])
				}
			}
			if !slices.Equal(sides, tc.sides) || !slices.Equal(out, tc.out) {
				t.Errorf("sides %v of %v, want %v of %v", sides, out, tc.sides, tc.out)
			}
		})
	}
}

func TestPoolingThatCoversTheEdgeMakesAWindowForWhatIsLeft(t *testing.T) {
	for _, tc := range []struct{ side, floor, cover int }{{54, 26, 27}, {55, 27, 27}, {3, 1, 1}, {4, 1, 2}} {
		for _, cover := range []bool{false, true} {
			want := tc.floor
			if cover {
				want = tc.cover
			}
			n := network{name: "pool", layers: []layer{{"pool", []operation{maxPool{kernel: 3, stride: 2, cover: cover}}}}}
			p, err := n.plan(tc.side, 7)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprint(p.ends[1].spot.shape), fmt.Sprint([]int{3, want, 3}); got != want {
				t.Errorf("%d×7 (cover %t) becomes %v, want %v", tc.side, cover, got, want)
			}
		}
	}
}
