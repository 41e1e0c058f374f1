package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func read(t testing.TB, file []byte) ([]Packet, error) {
	t.Helper()
	var all []Packet
	err := Read(bytes.NewReader(file), func(p Packet) error {
		all = append(all, p)
		return nil
	})
	return all, err
}

// written is a file of our own with two packets, the second cut to its first bytes.
func written(t testing.TB) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		at           int64
		kept, length int
	}{{1_000_000_001, 60, 60}, {2_500_000_000, 64, 1514}} {
		if err := w.Write(p.at, make([]byte, p.kept), p.length); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if w.Written() != int64(file.Len()) {
		t.Errorf("%d bytes were counted, %d written", w.Written(), file.Len())
	}
	return file.Bytes()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	got, err := read(t, written(t))
	if diff := cmp.Diff([]Packet{{1_000_000_001, 60}, {2_500_000_000, 1514}}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// classic is a file with one packet of 100 bytes at 7.5 s, of which four are kept.
func classic(order binary.AppendByteOrder, magic, linkType uint32, fraction uint32) []byte {
	var b []byte
	for _, v := range []uint32{magic, 2 | 4<<16, 0, 0, 64, linkType, 7, fraction, 4, 100, 0} {
		b = order.AppendUint32(b, v)
	}
	return b
}

// block is one of pcapng.
func block(order binary.AppendByteOrder, kind uint32, words ...uint32) []byte {
	length := uint32(12 + 4*len(words))
	var b []byte
	for _, v := range append(append([]uint32{kind, length}, words...), length) {
		b = order.AppendUint32(b, v)
	}
	return b
}

func section(order binary.AppendByteOrder) []byte {
	return block(order, magicNG, orderNG, 1, 0xffffffff, 0xffffffff)
}

// device is an interface with times of the given resolution.
func device(order binary.AppendByteOrder, resolution byte) []byte {
	head := block(order, blockInterface, 0, 0, 0, 0)
	order.AppendUint16(head[:8], 1)
	order.AppendUint16(head[:16], optionResolution)
	order.AppendUint16(head[:18], 1)
	head[20] = resolution
	return head
}

func enhanced(order binary.AppendByteOrder, ticks uint64, length uint32) []byte {
	return block(order, blockEnhanced, 0, uint32(ticks>>32), uint32(ticks), 4, length, 0)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestFilesOfOthersAreRead(t *testing.T) {
	little, big := binary.LittleEndian, binary.BigEndian
	want := []Packet{{7_500_000_000, 100}}
	for name, test := range map[string]struct {
		file []byte
		want []Packet
	}{
		"microseconds":      {classic(little, magicMicro, 1, 500_000), want},
		"other byte order":  {classic(big, magicNano, 1, 500_000_000), want},
		"raw IP":            {classic(little, magicMicro, 101, 500_000), []Packet{{7_500_000_000, 114}}},
		"any device":        {classic(little, magicMicro, 113, 500_000), []Packet{{7_500_000_000, 98}}},
		"no packet":         {classic(little, magicMicro, 1, 0)[:headerBytes], nil},
		"pcapng":            {join(section(little), device(little, 6), enhanced(little, 7_500_000, 100)), want},
		"pcapng, big":       {join(section(big), device(big, 9), enhanced(big, 7_500_000_000, 100)), want},
		"binary fractions":  {join(section(little), device(little, 0x80|10), enhanced(little, 7<<10|512, 100)), want},
		"a block passed by": {join(section(little), block(little, 5, 1, 2, 3), device(little, 6), enhanced(little, 7_500_000, 100)), want},
		"two sections":      {join(section(little), section(big), device(big, 6), enhanced(big, 7_500_000, 100)), want},
	} {
		got, err := read(t, test.file)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestWhatIsNoCaptureIsRefused(t *testing.T) {
	little := binary.LittleEndian
	good := classic(little, magicMicro, 1, 0)
	huge := bytes.Clone(good)
	little.PutUint32(huge[headerBytes+8:], 1<<30)
	for name, file := range map[string][]byte{
		"nothing":               nil,
		"a text":                []byte("seconds,bytes\n0.1,1500\n"),
		"half a header":         good[:10],
		"half a record":         good[:headerBytes+5],
		"half a packet":         good[:len(good)-1],
		"a huge packet":         huge,
		"no byte order":         block(little, magicNG, 1, 2, 3, 4),
		"a huge block":          join(section(little), little.AppendUint32(little.AppendUint32(nil, 5), 1<<31)),
		"a block too short":     join(section(little), little.AppendUint32(little.AppendUint32(nil, 5), 8)),
		"an unknown interface":  join(section(little), enhanced(little, 1, 100)),
		"packets without times": join(section(little), device(little, 6), block(little, blockSimple, 100, 0)),
		"too fine a clock":      join(section(little), device(little, 100), enhanced(little, 1, 100)),
	} {
		if _, err := read(t, file); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error %v, want ErrFormat", name, err)
		}
	}
}

func TestReadStopsWhenToldTo(t *testing.T) {
	enough := errors.New("enough")
	n := 0
	err := Read(bytes.NewReader(written(t)), func(Packet) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("%d packets and error %v, want 1 and %v", n, err, enough)
	}
}

func FuzzRead(f *testing.F) {
	little := binary.LittleEndian
	f.Add(written(f))
	f.Add(classic(binary.BigEndian, magicNano, 1, 5))
	f.Add(join(section(little), device(little, 6), enhanced(little, 7_500_000, 100)))
	f.Fuzz(func(t *testing.T, file []byte) {
		packets, err := read(t, file)
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("error %v does not wrap ErrFormat", err)
		}
		for _, p := range packets {
			if p.At < 0 || p.Bytes < 0 {
				t.Errorf("packet %+v", p)
			}
		}
	})
}
