package node

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/jsonmessage"
	"github.com/splitbed/splitbed/internal/dynlib"
)

// ImageSpec says what the image of the docker runtime is made of.
type ImageSpec struct {
	Binary string // host path of the program that nodes run
	Engine string // host path of libonnxruntime.so.1, which the program loads at run time; "" without an engine
}

// In the image. Libraries lie in one directory and are found through LD_LIBRARY_PATH, so that the image needs no
// loader configuration and does not depend on where the host's distribution keeps them.
const (
	imageName    = "splitbed-node"
	imageBinary  = "/splitbed"
	imageLibDir  = "/lib/splitbed"
	imageLabel   = "io.splitbed.image" // hash of the content
	labelRun     = "io.splitbed.run"
	labelNode    = "io.splitbed.node"
	imageHashLen = 16 // hexadecimal digits in the tag
)

// layout is an image before it is made: files by their path in it, and the configuration.
type layout struct {
	files   map[string]string // path in the image → path on the host
	changes []string          // Dockerfile instructions
}

// layout resolves the libraries of the binary and of the engine.
func (s ImageSpec) layout() (layout, error) {
	roots := []string{s.Binary}
	if s.Engine != "" {
		roots = append(roots, s.Engine)
	}
	interpreter, libs, err := dynlib.Needed(roots...)
	if err != nil {
		return layout{}, err
	}
	l := layout{
		files:   map[string]string{imageBinary: s.Binary},
		changes: []string{"ENV LD_LIBRARY_PATH=" + imageLibDir},
	}
	if interpreter != "" {
		l.files[interpreter] = interpreter
	}
	for name, host := range libs {
		l.files[filepath.Join(imageLibDir, name)] = host
	}
	if s.Engine != "" {
		engine := filepath.Join(imageLibDir, filepath.Base(s.Engine))
		l.files[engine] = s.Engine
		l.changes = append(l.changes, "ENV ONNXRUNTIME_LIB="+engine)
	}
	return l, nil
}

// write streams the files as a tar. The same content always gives the same bytes.
func (l layout) write(w io.Writer) error {
	tw := tar.NewWriter(w)
	for _, path := range slices.Sorted(maps.Keys(l.files)) {
		if err := addFile(tw, path, l.files[path]); err != nil {
			return fmt.Errorf("image file %s: %w", path, err)
		}
	}
	return tw.Close()
}

func addFile(tw *tar.Writer, path, host string) error {
	f, err := os.Open(host)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	err = tw.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg,
		Name:     strings.TrimPrefix(path, "/"),
		Size:     info.Size(),
		Mode:     0o755,
		ModTime:  time.Unix(0, 0),
		Format:   tar.FormatUSTAR,
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(tw, f)
	return err
}

// hash names the content: files and configuration.
func (l layout) hash() (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, strings.Join(l.changes, "\n"))
	if err := l.write(h); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil))[:imageHashLen], nil
}

// ensureImage makes sure that the daemon has the image, and returns its reference. Where the content has changed, older images that
// no container uses are removed.
func ensureImage(ctx context.Context, docker *client.Client, s ImageSpec) (string, error) {
	l, err := s.layout()
	if err != nil {
		return "", err
	}
	hash, err := l.hash()
	if err != nil {
		return "", err
	}
	ref := imageName + ":" + hash
	_, err = docker.ImageInspect(ctx, ref)
	if err == nil {
		return ref, nil
	}
	if !cerrdefs.IsNotFound(err) {
		return "", err
	}
	if err := importImage(ctx, docker, l, ref, hash); err != nil {
		return "", fmt.Errorf("make image %s: %w", ref, err)
	}
	if err := pruneImages(ctx, docker, hash); err != nil {
		return "", fmt.Errorf("remove older images of %s: %w", imageName, err)
	}
	return ref, nil
}

// importImage uploads the files as the one layer of a new image. An import is a build from scratch without a builder: it
// makes no intermediate containers and works alike with every version of the daemon.
func importImage(ctx context.Context, docker *client.Client, l layout, ref, hash string) error {
	r, w := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		w.CloseWithError(l.write(w))
	}()
	defer func() {
		r.Close() // ends the writer if the daemon did not take everything
		<-written
	}()
	source := image.ImportSource{Source: r, SourceName: "-"}
	options := image.ImportOptions{
		Message: "splitbed node",
		Changes: append(slices.Clone(l.changes), "LABEL "+imageLabel+"="+hash),
	}
	progress, err := docker.ImageImport(ctx, source, ref, options)
	if err != nil {
		return err
	}
	defer progress.Close()
	return jsonmessage.DisplayJSONMessagesStream(progress, io.Discard, 0, false, nil)
}

// pruneImages removes the images of other content. One that a container uses, of whichever run, is refused by
// the daemon and stays; one that a runtime has looked up but not yet used is made again by Start.
func pruneImages(ctx context.Context, docker *client.Client, hash string) error {
	images, err := docker.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", imageLabel))})
	if err != nil {
		return err
	}
	for _, img := range images {
		if img.Labels[imageLabel] == hash {
			continue
		}
		names := img.RepoTags
		if len(names) == 0 || slices.Contains(names, "<none>:<none>") {
			names = []string{img.ID}
		}
		for _, name := range names {
			_, err := docker.ImageRemove(ctx, name, image.RemoveOptions{PruneChildren: true})
			if err != nil && !cerrdefs.IsConflict(err) && !cerrdefs.IsNotFound(err) {
				return err
			}
		}
	}
	return nil
}
