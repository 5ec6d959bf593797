package eventlog

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tidemark/base/vfs"
)

const (
	childVariable  = "TIDEMARK_EVENTLOG_CHILD"
	childAppenders = 4
	killRounds     = 4
)

// killedChild is what this test binary does when TestKill starts it: it appends
// to the log as fast as it can, seals segments, says what was acknowledged, and
// never ends.
func killedChild() bool {
	arguments := os.Getenv(childVariable)
	if arguments == "" {
		return false
	}
	fields := strings.Fields(arguments)
	l, err := Open(vfs.OS(), fields[0], Options{SegmentBytes: 64 << 10})
	if err != nil {
		fmt.Println("error", err)
		return true
	}
	topic, err := l.Topic("clicks")
	if err != nil {
		fmt.Println("error", err)
		return true
	}
	var appenders sync.WaitGroup
	for id := range childAppenders {
		next, err := strconv.Atoi(fields[1+id])
		if err != nil {
			fmt.Println("error", err)
			return true
		}
		appenders.Go(func() {
			for n := next; ; n++ {
				// The same number is always the same events, so that a repetition
				// after the kill is a repetition.
				var texts []string
				for i := range 1 + n%5 {
					texts = append(texts, fmt.Sprintf("%d.%d.%d %s", id, n, i, strings.Repeat("k", n%2000)))
				}
				a, err := topic.Append(context.Background(), Partition(id%2), either(n, fmt.Sprintf("%d.%d", id, n), texts...))
				if err != nil {
					fmt.Println("error", err)
					return
				}
				fmt.Println("ack", id, n, a.First)
				if id == 0 && n%10 == 0 {
					if err := l.Maintain(context.Background()); err != nil {
						fmt.Println("error", err)
						return
					}
				}
			}
		})
	}
	appenders.Wait()
	return true
}

// TestKill kills a process in the middle of appending, several times, on the
// real file system. Everything it was told is there once, nothing is there
// twice, and what it was not told can be repeated.
func TestKill(t *testing.T) {
	fsys, dir := vfs.OS(), t.TempDir()+"/log"
	l, err := Open(fsys, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	create(t, l, "clicks", 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var next [childAppenders]int
	first := map[string]Offset{} // of each acknowledged append
	for round := range killRounds {
		runAndKill(t, dir, 150+100*round, &next, first)
		l, err := Open(fsys, dir, Options{SegmentBytes: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		topic, err := l.Topic("clicks")
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]Offset{}
		for p := range Partition(2) {
			texts, damaged := read(t, topic, p, 0)
			if damaged != nil {
				t.Errorf("round %d: damaged %v", round, damaged)
			}
			for offset, text := range texts {
				name, _, _ := strings.Cut(text, " ")
				if before, twice := seen[name]; twice {
					t.Errorf("round %d: %s is at %d and %d", round, name, before, offset)
				}
				seen[name] = offset
			}
		}
		for name, offset := range first {
			n, _ := strconv.Atoi(name[strings.Index(name, ".")+1:])
			for i := range 1 + n%5 {
				if got, ok := seen[fmt.Sprintf("%s.%d", name, i)]; !ok || got != offset+Offset(i) {
					t.Errorf("round %d: event %d of %s was acknowledged at %d; found %v at %d", round, i, name, offset+Offset(i), ok, got)
				}
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
	sealed := 0
	for p := range 2 {
		names, err := fsys.List(partitionDir(dir+"/clicks", p))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, sealedSuffix) {
				sealed++
			}
		}
	}
	t.Logf("%d appends were acknowledged, %d segments are sealed", len(first), sealed)
	if sealed == 0 {
		t.Error("no segment was sealed")
	}
}

// runAndKill starts a child and kills it after some acknowledgements.
func runAndKill(t *testing.T, dir string, acknowledgements int, next *[childAppenders]int, first map[string]Offset) {
	t.Helper()
	arguments := dir
	for _, n := range next {
		arguments += fmt.Sprintf(" %d", n)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+arguments)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for read := 0; lines.Scan(); read++ {
		var id, n, offset int
		if _, err := fmt.Sscanf(lines.Text(), "ack %d %d %d", &id, &n, &offset); err != nil {
			t.Errorf("the child says %q", lines.Text())
		}
		first[fmt.Sprintf("%d.%d", id, n)] = Offset(offset)
		next[id] = n + 1
		if read == acknowledgements {
			// What it says until it is dead is read as well.
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
}
