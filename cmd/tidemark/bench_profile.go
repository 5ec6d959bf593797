package main

import (
	"fmt"
	"runtime/pprof"

	"tidemark/base/vfs"
)

// startProfile begins a CPU profile, if a file is named, and gives what ends it.
func startProfile(name string) (end func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	file, err := vfs.OS().Create(name)
	if err != nil {
		return nil, fmt.Errorf("create profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("start profile: %w", err)
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}
