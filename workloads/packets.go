package workloads

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/splitbed/splitbed/internal/pcap"
	"github.com/splitbed/splitbed/internal/units"
)

// maxPackets bounds the packets of a trace: nodes hold all of them.
const maxPackets = 1_000_000

// maxPacketBytes bounds what one line of a trace may ask for.
const maxPacketBytes = 1_000_000_000

var errTooManyPackets = fmt.Errorf("it has more than %d packets; cut it shorter", maxPackets)

// readPackets reads a trace of packets: a pcap or pcapng file, of which only times and lengths count, or lines of
// "seconds,bytes". Times are from the first packet of a capture, and as they stand in a CSV file. What is longer than a packet can be
// becomes several at one time, as a capture of segments that were not cut yet asks for.
func readPackets(path string) ([]Send, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is not a file of packets", path), err)
	}
	packets, err := recordedPackets(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(packets) == 0 {
		return nil, fmt.Errorf("%s has no packets; write one a line, as seconds,bytes, or name a capture that has some", path)
	}
	return packets, nil
}

// recordedPackets are in order of time.
func recordedPackets(r io.Reader) ([]Send, error) {
	in := bufio.NewReader(r)
	var packets []Send
	add := func(at units.Virtual, bytes units.Bytes) error {
		for ; bytes > 0; bytes -= maxPacket {
			if len(packets) == maxPackets {
				return errTooManyPackets
			}
			packets = append(packets, Send{at, min(bytes, maxPacket)})
		}
		return nil
	}
	read := readLines
	// A capture begins with a byte no text begins with.
	if start, _ := in.Peek(1); len(start) == 1 && (start[0] == 0x0a || start[0] >= 0x80 || start[0] == 0x4d) {
		read = readCapture
	}
	if err := read(in, add); err != nil {
		return nil, err
	}
	slices.SortStableFunc(packets, func(a, b Send) int { return cmp.Compare(a.At, b.At) })
	return packets, nil
}

func readCapture(in io.Reader, add func(units.Virtual, units.Bytes) error) error {
	var all []pcap.Packet
	err := pcap.Read(in, func(p pcap.Packet) error {
		if len(all) == maxPackets {
			return errTooManyPackets
		}
		all = append(all, p)
		return nil
	})
	if err != nil || len(all) == 0 {
		return err
	}
	first := slices.MinFunc(all, func(a, b pcap.Packet) int { return cmp.Compare(a.At, b.At) }).At
	for _, p := range all {
		if err := add(units.Virtual(p.At-first), units.Bytes(p.Bytes)); err != nil {
			return err
		}
	}
	return nil
}

// readLines reads lines of "seconds,bytes"; a first line of words is their heading.
func readLines(in io.Reader, add func(units.Virtual, units.Bytes) error) error {
	err := eachLine(in, func(n int, text string) error {
		at, bytes, ok := strings.Cut(text, ",")
		seconds, errAt := strconv.ParseFloat(strings.TrimSpace(at), 64)
		length, errBytes := strconv.ParseInt(strings.TrimSpace(bytes), 10, 64)
		if n == 1 && ok && errAt != nil && errBytes != nil {
			return nil
		}
		switch {
		case !ok || errAt != nil || errBytes != nil:
			return fmt.Errorf("%.40q is not seconds,bytes, such as 1.5,1200", text)
		case !(seconds >= 0 && seconds <= maxSpan.Seconds()):
			return fmt.Errorf("%.40q: times are seconds from the start of the flow, from 0 to %g", text, maxSpan.Seconds())
		case length < 1 || length > maxPacketBytes:
			return fmt.Errorf("%.40q: the size is not a number of bytes from 1 to %d", text, maxPacketBytes)
		}
		return add(units.Virtual(seconds*1e9), units.Bytes(length))
	})
	if errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("not lines of seconds,bytes, and no capture: %w", err)
	}
	return err
}

// eachLine calls do with every line that is not empty and its number, from 1, which its errors carry.
func eachLine(in io.Reader, do func(n int, text string) error) error {
	const longest = 1 << 10
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, longest), longest)
	n := 1
	for ; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		if err := do(n, text); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n, err)
	}
	return nil
}
