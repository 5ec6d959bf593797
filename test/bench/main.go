// Command bench runs the built-in benchmarks several times, writes what they
// measured in the form that benchstat reads, and compares it with what was kept
// last. test/bench/history keeps one file for each release or landmark, named by
// date and commit, with the machine in its head.
//
// It measures nothing itself (see tidemark bench), and two machines cannot be
// compared: benchstat shows them as different configurations.
//
// Flow: tidemark bench … --json, n times → lines → a file → benchstat. With
// -profile: tidemark bench … --profile, once → a merged profile (profile.go).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const history = "test/bench/history"

func main() {
	runs := flag.Int("n", 5, "runs of each benchmark")
	keep := flag.Bool("keep", false, "keep what was measured in "+history)
	profile := flag.String("profile", "", "instead, write a CPU profile of all benchmarks to this file, for go build -pgo")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage: bench [flags] PROGRAM")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *runs < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *profile != "" {
		err = writeProfile(ctx, flag.Arg(0), *profile)
	} else {
		err = run(ctx, flag.Arg(0), *runs, *keep)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		stop()
		os.Exit(1)
	}
}

// benchmark is one of the program's benchmarks.
type benchmark struct {
	name string
	args []string
}

var suite = []benchmark{
	{"YSB/memory", []string{"ysb", "--from", "memory"}},
	{"YSB/file", []string{"ysb", "--from", "file"}},
	{"YSB/log", []string{"ysb", "--from", "log"}},
	{"YSB/sealed", []string{"ysb", "--from", "sealed"}},
	{"YSB/http", []string{"ysb", "--from", "http"}},
	{"Join/3M-keys", []string{"join", "--keys", "3000000"}},
	{"Nexmark", []string{"nexmark", "--all"}},
}

// measured is what a benchmark prints with --json, as far as it counts here.
type measured struct {
	PerCPU  float64 `json:"events_per_cpu_second"`
	Queries []struct {
		Query  string  `json:"query"`
		PerCPU float64 `json:"events_per_cpu_second"`
	} `json:"queries"`
}

func run(ctx context.Context, program string, runs int, keep bool) error {
	previous, err := newest()
	if err != nil {
		return err
	}
	text := head(ctx)
	for range runs {
		for _, b := range suite {
			lines, err := b.measure(ctx, program)
			if err != nil {
				return err
			}
			fmt.Print(lines)
			text += lines
		}
	}
	path := filepath.Join(os.TempDir(), "tidemark-bench.txt")
	if keep {
		path = filepath.Join(history, time.Now().Format(time.DateOnly)+"-"+revision(ctx)+".txt")
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Println("written to", path)
	if previous == "" {
		fmt.Println("nothing is kept in", history, "to compare with")
		return nil
	}
	compare := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/go.mod", "benchstat", previous, path)
	compare.Stdout, compare.Stderr = os.Stdout, os.Stderr
	return compare.Run()
}

// newest is the file that was kept last, "" if there is none.
func newest() (string, error) {
	files, err := filepath.Glob(filepath.Join(history, "*.txt"))
	if err != nil || len(files) == 0 {
		return "", err
	}
	return slices.Max(files), nil
}

// run runs a benchmark once, and gives what it prints with --json. One whose
// answer is wrong is an error.
func (b benchmark) run(ctx context.Context, program string, more ...string) ([]byte, error) {
	args := slices.Concat([]string{"bench"}, b.args, []string{"--json"}, more)
	command := exec.CommandContext(ctx, program, args...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("tidemark %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

// measure runs a benchmark once, and gives a line for each thing measured.
func (b benchmark) measure(ctx context.Context, program string) (string, error) {
	out, err := b.run(ctx, program)
	if err != nil {
		return "", err
	}
	var m measured
	if err := json.Unmarshal(out, &m); err != nil {
		return "", fmt.Errorf("read what %s measured: %w", b.name, err)
	}
	if m.Queries == nil {
		return line(b.name, m.PerCPU), nil
	}
	var lines strings.Builder
	for _, q := range m.Queries {
		lines.WriteString(line(b.name+"/"+q.Query, q.PerCPU))
	}
	return lines.String(), nil
}

// line is a measurement as go test -bench prints it.
func line(name string, perCPU float64) string {
	return fmt.Sprintf("Benchmark%s-%d 1 %.0f events/CPU-s\n", name, runtime.NumCPU(), perCPU)
}

// head says what was measured where.
func head(ctx context.Context) string {
	model := "unknown"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for l := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("goos: %s\ngoarch: %s\ncpu: %s\ncommit: %s\n", runtime.GOOS, runtime.GOARCH, model, revision(ctx))
}

func revision(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
