package workloads

import (
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/workloads/video"
)

// DType is the type activations travel as.
type DType string

// The wire types of an activation tensor. A cut at 0 sends the encoded picture itself.
const (
	Uint4   DType = "uint4"
	Uint8   DType = "uint8"
	Float16 DType = "float16"
	Float32 DType = "float32"
)

// What Wire.Compress takes.
const (
	CompressNone = "none"
	CompressS2   = "s2"
	CompressZstd = "zstd"
)

// What Wire.Scale takes: one scale for the tensor, or one for each of its channels.
const (
	ScaleTensor  = "tensor"
	ScaleChannel = "channel"
)

// Wire says how a tensor is put on the wire.
type Wire struct {
	DType    DType  `yaml:"dtype" json:"dtype"`
	Compress string `yaml:"compress" json:"compress"`
	// Scale is what uint8 and uint4 have a scale for.
	Scale string `yaml:"scale" json:"scale"`
}

// String names the wire type: "uint8", "uint4 channel, zstd".
func (w Wire) String() string {
	name := string(w.DType)
	if w.Scale == ScaleChannel {
		name += " " + ScaleChannel
	}
	if w.Compress != "" && w.Compress != CompressNone {
		name += ", " + w.Compress
	}
	return name
}

// Task is a resolved task: a CNN service with input at one or more edges.
type Task struct {
	Name     string        `json:"name"`
	Model    string        `json:"model"`
	Deadline units.Virtual `json:"deadline"`
	Wire     Wire          `json:"wire"`
	// Start and Stop bound the task's life from the beginning of the window; Stop 0 is the end of the run.
	Start units.Virtual `json:"start,omitempty"`
	Stop  units.Virtual `json:"stop,omitempty"`
	// FPS is the frames a second the workload asks for; a source whose share of them is too small a picture has fewer.
	FPS float64 `json:"fps"`
	// Encoding is raw 8-bit RGB bytes ÷ encoded bytes of the task's pictures.
	Encoding float64  `json:"encoding"`
	At       []Source `json:"at"`
}

// Source is a task's input at one edge.
type Source struct {
	Edge string `json:"edge"`
	// Input is the encoded size of a frame; Height and Width the picture's size in pixels
	// (3 channels), which is what the network runs on.
	Input  units.Bytes `json:"input"`
	Height int         `json:"height"`
	Width  int         `json:"width"`
	// FPS is the mean number of frames a second.
	FPS float64 `json:"fps"`
	// Phase is the capture time of the first frame of a periodic source, in [0, 1/FPS); of a video, the place in it at time 0.
	Phase units.Virtual `json:"phase"`
	// Arrival is "periodic", "synchronised", "poisson", "onoff" or "trace". A video's frames come when they are shown.
	Arrival string `json:"arrival"`
	// On and Off are the mean lengths of the bursts and pauses of an onoff source.
	On  units.Virtual `json:"on,omitempty"`
	Off units.Virtual `json:"off,omitempty"`
	// Seed draws the pictures and, where they are random, the arrivals.
	Seed uint64 `json:"seed"`
	// Frames is a directory of JPEG pictures to use; empty for synthetic camera scenes.
	Frames string `json:"frames,omitempty"`
	// Video is what is replayed instead of pictures of one size, from Phase on; nil where there is none. Input is its frames' mean
	// size and FPS their mean rate.
	Video *video.Clip `json:"-"`
	// Recorded is when frames come, and perhaps how large they are; nil where nothing is recorded. Input is their mean size and FPS
	// their mean rate.
	Recorded *Recording `json:"-"`
}

// Sized tells whether every frame has a recorded size, to which its picture is padded.
func (s Source) Sized() bool { return s.Recorded != nil && s.Recorded.Sized() }

// Picture is the encoded size of the pictures that are made.
func (s Source) Picture() units.Bytes {
	if s.Sized() {
		return units.Bytes(float64(s.Recorded.Smallest().Bytes) / pictureSlack)
	}
	return s.Input
}
