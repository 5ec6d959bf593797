package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// page is the results as a page of the documentation.
func page(ctx context.Context, b *bench, results []result) string {
	var p strings.Builder
	fmt.Fprintf(&p, "# Benchmarks\n\nWritten by `make bench-flink`; run it to have the table of your machine.\n\n")
	fmt.Fprintf(&p, "* What: the same SQL over the same JSON file of %d events, results to a blackhole, %d workers on both sides. Numbers are millions of events per\n", b.events, b.parallelism)
	fmt.Fprintf(&p, "  second of CPU time: of the whole process here, start included; of the TaskManager alone on Flink, behind one run that warms it up. Medians of %d runs\n  that alternate.\n", b.runs)
	fmt.Fprintf(&p, "* Flink 2.1.1 at its best: state on the heap, no checkpoints, `%s`.\n", strings.Join(best, "`, `"))
	fmt.Fprintf(&p, "* Machine: %s, %d cores, %s. Date: %s. Tidemark: %s.\n", processor(), runtime.NumCPU(), kernel(ctx), time.Now().Format(time.DateOnly), version(ctx, b.program))
	p.WriteString("* The answers of these queries are checked by `tidemark bench nexmark` and `tidemark bench ysb`, not here.\n\n")
	p.WriteString("| query | Tidemark | Flink | ratio |\n|---|---:|---:|---:|\n")
	for _, r := range results {
		fmt.Fprintf(&p, "| %s | %.2f | %.3f | %.1f |\n", r.name, r.hereRate()/1e6, r.flinkRate()/1e6, r.ratio())
	}
	fmt.Fprintf(&p, "\nGeometric mean of the ratios: **%.1f**; least: %.1f.\n", geometricMean(results), least(results))
	return p.String()
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return runtime.GOARCH
}

func kernel(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "uname", "-sr").Output()
	if err != nil {
		return runtime.GOOS
	}
	return strings.TrimSpace(string(out))
}

func version(ctx context.Context, program string) string {
	out, err := exec.CommandContext(ctx, program, "version").Output()
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(first, "tidemark ")
}
