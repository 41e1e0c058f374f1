package replay

import (
	"context"
	"fmt"
)

// verify sends one frame of every task that is to be verified again, on a connection of its own and without quantising it, and reports
// the whole output vector. It is for the time after finish.
func (e *edge) verify(ctx context.Context) ([]Verified, error) {
	if !e.finished.Load() {
		return nil, fmt.Errorf("verification comes after the replay is finished")
	}
	var all []Verified
	for _, t := range e.tasks {
		if !t.Verify {
			continue
		}
		v, err := e.verifyTask(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("verify task %s: %w", t.Name, err)
		}
		all = append(all, v)
	}
	return all, nil
}

func (e *edge) verifyTask(ctx context.Context, t *edgeTask) (Verified, error) {
	v := Verified{Stream: t.Stream, Edge: t.Edge, Task: t.Name, Seed: t.Pictures.Seed, Class: -1}
	if err := e.loop.call(func() error {
		if t.last != nil {
			v.Frame, v.Class = t.last.frame, t.last.class
		}
		return nil
	}); err != nil {
		return v, err
	}
	v.Picture = t.shown(v.Frame, t.shots.Len())

	header, payload := Header{Stream: t.Stream, Frame: v.Frame}, t.picture(v.Frame)
	if t.Cut > 0 {
		exact, err := e.codec(exactly(), t.Half.Output)
		if err != nil {
			return v, err
		}
		if err := e.worker.call(ctx, func() (err error) {
			header, payload, err = t.encode(v.Frame, exact, make([]byte, exact.Bytes()))
			return err
		}); err != nil {
			return v, err
		}
	}
	header.Kind = VerifyMessage

	port := t.Port
	if port != 0 {
		port++ // the first is still that of the frames' connection, which may linger
	}
	c, err := openConnection(ctx, e.setup, Header{Kind: OpenStream, Stream: t.Stream}, port)
	if err != nil {
		return v, err
	}
	defer c.Close()
	defer untilDone(ctx, c)()
	if err := writeMessage(c, header, payload); err != nil {
		return v, err
	}
	h, raw, err := readMessage(c, VectorMessage, MaxPayload)
	if err != nil {
		return v, err
	}
	if h.Stream != t.Stream || h.Frame != v.Frame {
		return v, fmt.Errorf("%w: the vector of stream %d, frame %d came for stream %d, frame %d", ErrHeader, h.Stream, h.Frame, t.Stream, v.Frame)
	}
	v.Output, err = vectorFrom(raw)
	return v, err
}
