package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tidemark/test/cluster"
)

// bench is what all queries share.
type bench struct {
	options
	program, dir string
}

// result is what the runs of one query cost, in seconds of CPU time.
type result struct {
	name        string
	events      int64
	here, flink []float64
}

func (r *result) hereRate() float64  { return float64(r.events) / median(r.here) }
func (r *result) flinkRate() float64 { return float64(r.events) / median(r.flink) }
func (r *result) ratio() float64     { return r.hereRate() / r.flinkRate() }

func (r *result) line() string {
	return fmt.Sprintf("%-10s %6.2f M  Flink %6.3f M  %5.1fx", r.name, r.hereRate()/1e6, r.flinkRate()/1e6, r.ratio())
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func geometricMean(all []result) float64 {
	sum := 0.0
	for _, r := range all {
		sum += math.Log(r.ratio())
	}
	return math.Exp(sum / float64(len(all)))
}

func least(all []result) float64 {
	lowest := math.Inf(1)
	for _, r := range all {
		lowest = min(lowest, r.ratio())
	}
	return lowest
}

// measure runs a query on both sides in turn.
func (b *bench) measure(ctx context.Context, w workload) (*result, error) {
	columns, err := b.columns(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("ask for its columns: %w", err)
	}
	script := filepath.Join(b.dir, w.name+".sql")
	if err := os.WriteFile(script, []byte(intoBlackhole(w.script, columns)), 0o644); err != nil {
		return nil, err
	}
	if _, err := b.onFlink(ctx, script, w.files); err != nil {
		return nil, fmt.Errorf("warm up on Flink: %w", err)
	}
	r := &result{name: w.name, events: b.events}
	for range b.runs {
		here, err := b.onTidemark(ctx, script, w.files)
		if err != nil {
			return nil, err
		}
		flink, err := b.onFlink(ctx, script, w.files)
		if err != nil {
			return nil, fmt.Errorf("on Flink: %w", err)
		}
		r.here, r.flink = append(r.here, here), append(r.flink, flink)
	}
	return r, nil
}

// columns asks for the query's columns, over files without a row.
func (b *bench) columns(ctx context.Context, w workload) ([]column, error) {
	empty := filepath.Join(b.dir, "empty")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		return nil, err
	}
	files := map[string]string{}
	for name := range w.files {
		files[name] = empty
	}
	script := filepath.Join(b.dir, "columns.sql")
	if err := os.WriteFile(script, []byte(w.script), 0o644); err != nil {
		return nil, err
	}
	out, err := output(exec.CommandContext(ctx, b.program, append([]string{"exec", "-f", script, "--format", "rows"}, variables(files)...)...))
	if err != nil {
		return nil, err
	}
	var header struct {
		Columns [][2]string `json:"columns"`
	}
	first, _, err := bufio.NewReader(bytes.NewReader(out)).ReadLine()
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(first, &header); err != nil {
		return nil, err
	}
	all := make([]column, len(header.Columns))
	for i, c := range header.Columns {
		all[i] = column{c[0], c[1]}
	}
	return all, nil
}

// onTidemark gives the CPU time of the whole process.
func (b *bench) onTidemark(ctx context.Context, script string, files map[string]string) (float64, error) {
	command := exec.CommandContext(ctx, b.program, append([]string{"exec", "-f", script, "--parallelism", fmt.Sprint(b.parallelism)}, variables(files)...)...)
	if _, err := output(command); err != nil {
		return 0, err
	}
	used := command.ProcessState.SysUsage().(*syscall.Rusage)
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(used.Utime) + seconds(used.Stime), nil
}

// best are the settings with which Flink is fastest here.
var best = []string{
	"pipeline.object-reuse=true",
	"table.exec.mini-batch.enabled=true", "table.exec.mini-batch.allow-latency=1 s", "table.exec.mini-batch.size=10000",
	"table.optimizer.agg-phase-strategy=TWO_PHASE",
	"pipeline.auto-watermark-interval=200 ms",
}

// onFlink gives the CPU time of the TaskManager.
func (b *bench) onFlink(ctx context.Context, script string, files map[string]string) (float64, error) {
	metrics := filepath.Join(b.dir, "metrics.json")
	args := []string{"--parallelism", fmt.Sprint(b.parallelism), "--metrics", metrics}
	for _, setting := range best {
		args = append(args, "--set", setting)
	}
	if _, err := output(cluster.Exec(ctx, script, append(args, variables(files)...)...)); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(metrics)
	if err != nil {
		return 0, err
	}
	var used struct {
		CPU float64 `json:"cpu_seconds"`
	}
	return used.CPU, json.Unmarshal(text, &used)
}

func variables(files map[string]string) []string {
	var args []string
	for name, path := range files {
		args = append(args, "--var", name+"="+path)
	}
	return args
}

func output(command *exec.Cmd) ([]byte, error) {
	var errs strings.Builder
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, errs.String())
	}
	return out, nil
}
