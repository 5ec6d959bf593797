package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
)

// A profile of this test has the path of its program, and then has it no more.
func TestWithoutPaths(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var profile bytes.Buffer // all kinds have the files that are mapped
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 0); err != nil {
		t.Fatal(err)
	}
	clean, err := withoutPaths(profile.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	before, after := unzipped(t, profile.Bytes()), unzipped(t, clean)
	if !strings.Contains(before, program) || strings.Contains(after, filepath.Dir(program)) || !strings.Contains(after, filepath.Base(program)) {
		t.Errorf("paths before: %v, after: %v", strings.Contains(before, program), strings.Contains(after, filepath.Dir(program)))
	}
	again, err := withoutPaths(clean)
	if err != nil || !bytes.Equal(again, clean) {
		t.Errorf("a profile without paths became another one, %v", err)
	}
	if _, err := withoutPaths(profile.Bytes()[:profile.Len()/2]); err == nil {
		t.Error("half a profile was read")
	}
}

func unzipped(t *testing.T, profile []byte) string {
	r, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
