// Package model knows convolutional networks as ONNX graphs: it reads, writes and cuts them, and it
// builds the networks splitbed brings along.
//
// A built-in network is data: an ordered list of layers, each a short list of operations
// (networks.go). One expansion (plan.go) turns the list and a picture size into steps with shapes,
// weights and operation counts, and everything else is a view of that plan:
//
//	network (layers) ── plan(h, w) ──┬── Describe: shapes, bytes and operations of every layer
//	                                 └── graph ──┬── whole.onnx
//	                                             ├── Split after layer k ── head.onnx, tail.onnx
//	                                             └── weights: one file for all of these
//
// A layer is a block: convolutions with their activation and pooling, a fully connected layer, a
// residual or a fire block. Cut k sends the tensor after layer k: the head is layers 1..k, the tail
// k+1..N; k = 0 sends the picture itself.
//
// The store (store.go) keeps the files. All heads, tails and wholes of a network, of every picture
// size, point into the same page-aligned weights file, so that the kernel holds one copy of the weights
// however many processes have them open.
//
// The ONNX format is handled at the protobuf wire level: only the fields that matter here are decoded,
// every other byte passes through a cut as it was. Files are not trusted: see Read.
package model
