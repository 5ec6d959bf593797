package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// writeProfile writes one CPU profile of all benchmarks, which go build -pgo takes.
// The program has to be built with -trimpath, so that its functions have no paths.
func writeProfile(ctx context.Context, program, file string) error {
	dir, err := os.MkdirTemp("", "tidemark-profile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	merge := exec.CommandContext(ctx, "go", "tool", "pprof", "-proto", "-output", filepath.Join(dir, "merged"))
	for _, b := range suite {
		part := filepath.Join(dir, strings.ReplaceAll(b.name, "/", "-"))
		if _, err := b.run(ctx, program, "--profile", part); err != nil {
			return err
		}
		fmt.Println(b.name)
		merge.Args = append(merge.Args, part)
	}
	merge.Stderr = os.Stderr
	if err := merge.Run(); err != nil {
		return fmt.Errorf("merge profiles: %w", err)
	}
	merged, err := os.ReadFile(filepath.Join(dir, "merged"))
	if err != nil {
		return err
	}
	profile, err := withoutPaths(merged)
	if err != nil {
		return err
	}
	return os.WriteFile(file, profile, 0o644)
}

// stringTable is the number of a profile's field with its texts.
// https://github.com/google/pprof/blob/main/proto/profile.proto
const stringTable = 6

// withoutPaths leaves of each absolute path in a profile its last part: which files
// were mapped, and where, is of this machine.
func withoutPaths(profile []byte) ([]byte, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	rest, err := io.ReadAll(unzip)
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	var out []byte
	for len(rest) > 0 {
		number, kind, head := protowire.ConsumeTag(rest)
		if head < 0 {
			return nil, errors.Join(errors.New("read profile"), protowire.ParseError(head))
		}
		body := protowire.ConsumeFieldValue(number, kind, rest[head:])
		if body < 0 {
			return nil, errors.Join(errors.New("read profile"), protowire.ParseError(body))
		}
		if text, n := protowire.ConsumeString(rest[head:]); number == stringTable && n > 0 && path.IsAbs(text) {
			out = protowire.AppendString(protowire.AppendTag(out, number, kind), path.Base(text))
		} else {
			out = append(out, rest[:head+body]...)
		}
		rest = rest[head+body:]
	}
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	if _, err := zip.Write(out); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return zipped.Bytes(), nil
}
