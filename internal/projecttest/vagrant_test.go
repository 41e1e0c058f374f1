package projecttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
)

// validate runs Vagrant's own validation on a Vagrantfile. It needs no provider and starts no machine.
func validate(t *testing.T, vagrantfile string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Vagrantfile"), []byte(vagrantfile), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("vagrant", "validate", "--ignore-provider")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "VAGRANT_HOME="+filepath.Join(dir, "home"), "VAGRANT_CHECKPOINT_DISABLE=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func readVagrantfile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testutil.ModuleRoot(t), "Vagrantfile"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestVagrantAcceptsTheVagrantfile(t *testing.T) {
	testutil.NeedsCommand(t, "vagrant")
	text := readVagrantfile(t)
	if out, err := validate(t, text); err != nil {
		t.Errorf("vagrant validate: %v\n%s", err, out)
	}
	if out, err := validate(t, strings.Replace(text, "vm.box_version", "vm.box_release", 1)); err == nil {
		t.Errorf("vagrant validate accepted a key that does not exist:\n%s", out)
	}
}

func TestTheVagrantfilePinsWhatItFetches(t *testing.T) {
	text := readVagrantfile(t)
	for what, pattern := range map[string]string{
		"an exact box version":      `(?m)^ *config\.vm\.box_version = "[0-9.]+"$`,
		"an exact Go 1.26 release":  `(?m)^GO_VERSION = "1\.26\.\d+"`,
		"a checksum of Go on amd64": `"amd64" => "[0-9a-f]{64}"`,
		"a checksum of Go on arm64": `"arm64" => "[0-9a-f]{64}"`,
	} {
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("the Vagrantfile does not name %s (%s)", what, pattern)
		}
	}
}

func TestTheVagrantfilesShellScriptsParse(t *testing.T) {
	scripts := regexp.MustCompile(`(?s)inline: <<~'SHELL'\n(.*?)\n  SHELL\n`).FindAllStringSubmatch(readVagrantfile(t), -1)
	if len(scripts) != 2 {
		t.Fatalf("found %d provisioning scripts, want 2", len(scripts))
	}
	for _, s := range scripts {
		if out, err := exec.Command("sh", "-n", "-c", s[1]).CombinedOutput(); err != nil {
			t.Errorf("sh -n: %v: %s\n%s", err, out, s[1])
		}
	}
}
