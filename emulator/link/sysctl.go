package link

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/containernetworking/plugins/pkg/ns"
)

const minRTOKey = "net/ipv4/tcp_rto_min_us"

// settings are the namespace's sysctls, with the retransmission timeout among them where the kernel has it.
func (n Namespace) settings(hasMinRTO bool) []Sysctl {
	all := n.Sysctls
	if n.MinRTO > 0 && hasMinRTO {
		all = append(all[:len(all):len(all)], Sysctl{Key: minRTOKey, Value: strconv.FormatInt(n.MinRTO.Microseconds(), 10)})
	}
	return all
}

// writeSysctls sets the namespace's sysctls. /proc/sys/net shows every thread its own namespace.
func (s *space) writeSysctls() error {
	return s.file.Do(func(ns.NetNS) error {
		if _, err := os.Stat("/proc/sys/" + minRTOKey); errors.Is(err, fs.ErrNotExist) {
			s.lacksMinRTO = true
		}
		for _, c := range s.settings(!s.lacksMinRTO) {
			err := os.WriteFile("/proc/sys/"+c.Key, []byte(c.Value), 0)
			if c.Optional && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: set %s to %q: %w", s.Name, c.Key, c.Value, err)
			}
		}
		return nil
	})
}

// compareSysctls reports the sysctls that are not as planned.
func (s *space) compareSysctls(report func(Difference)) error {
	return s.file.Do(func(ns.NetNS) error {
		for _, c := range s.settings(!s.lacksMinRTO) {
			value, err := os.ReadFile("/proc/sys/" + c.Key)
			if c.Optional && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: read %s: %w", s.Name, c.Key, err)
			}
			if got := strings.TrimSpace(string(value)); got != c.Value {
				report(Difference{s.Name, c.Key, c.Value, got})
			}
		}
		return nil
	})
}
