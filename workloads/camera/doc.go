// Package camera supplies the pictures a workload's devices capture: seeded synthetic scenes, or the
// JPEG files of a directory the user names, and decodes them into the tensors the networks take.
//
// A synthetic scene is what a fixed camera sees: a textured background under slowly changing light,
// objects that move from picture to picture, and the sensor's noise. How many bytes a picture has decides how
// long it takes on an uplink, so a scene is compressed until it has the size the workload asks for: first the
// JPEG quality is searched, as a camera's encoder does, and then the noise, which is finer.
//
//	seed ── background ─┐
//	     ── objects ────┼── picture ── + noise ── JPEG ── within 5 % of the size? ── yes ── done
//	     ── light ──────┘                ▲          ▲               │ no
//	                                     └── noise, quality ◀───────┘
//
// The same seed, size and bytes give the same pictures on every machine.
package camera
