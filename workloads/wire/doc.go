// Package wire puts tensors on the wire: it makes a payload of the activations between the halves of a network, and activations of
// a payload.
//
//	float32 ── quantise ── [ table of channels │ values ] ── compress ── payload
//	           float32 · float16 · uint8 · uint4              none · s2 · zstd
//
// What a receiver needs beside the payload is three fields of the message's header: an Encoding, and, where the whole tensor has
// one scale, that scale and its zero point. With a scale for each channel they stand in the payload, before the values.
//
// What arrives is not trusted: a payload that cannot be one of the tensor expected is an error, and takes no more memory than
// that tensor does.
package wire
