package eventlog

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

// TestFullDisk runs out of room in every place an append needs some.
func TestFullDisk(t *testing.T) {
	for _, script := range []string{
		"preallocate *.seg enospc",
		"write *.seg enospc",
		"write *.seg after 5000 short",
		"create *.seg enospc",
		"change *.seg enospc",
		"change * enospc",
		"sync *.seg enospc",
	} {
		t.Run(script, func(t *testing.T) {
			disk := vfs.NewMem()
			faulty := vfs.NewFaulty(disk, "")
			l := open(t, faulty, Options{SegmentBytes: 16 << 10})
			topic := create(t, l, "clicks", 1)
			want := map[Offset]string{}
			add := func(text string) error {
				a, err := topic.Append(context.Background(), 0, events("", text))
				if err == nil {
					want[a.First] = text
				}
				return err
			}
			check := func(topic *Topic) {
				t.Helper()
				got, damaged := read(t, topic, 0, 0)
				for offset, text := range want {
					if got[offset] != text {
						t.Fatalf("offset %d has %.20q, want %.20q", offset, got[offset], text)
					}
				}
				if damaged != nil || len(got) != len(want) {
					t.Fatalf("read %d records, damaged %v; want %d", len(got), damaged, len(want))
				}
			}
			large := strings.Repeat("0123456789", 200)
			for range 3 {
				if err := add(large); err != nil {
					t.Fatal(err)
				}
			}
			faulty.SetScript(script)
			failures := 0
			for range 40 {
				if err := add(large); err != nil {
					failures++
					if p := problem.Of(err); p.Code != problem.DiskFull || p.Retry != problem.Later || !strings.Contains(p.Hint, testDir) {
						t.Fatalf("got %v", err)
					}
				}
				check(topic)
			}
			if failures == 0 {
				t.Fatal("the disk never was full")
			}
			// The log opens for reading while the disk is full, unless what is
			// there cannot be made durable.
			if full := vfs.NewFaulty(disk.CrashClone(vfs.LoseAll), script); !strings.HasPrefix(script, "sync") {
				full.SetScript(strings.Replace(script, "change", "write", 1))
				_, readable := reopen(t, full)
				check(readable)
			}

			faulty.SetScript("")
			for range 20 {
				if err := add(large); err != nil {
					t.Fatalf("after there was room again: %v", err)
				}
			}
			check(topic)
			for _, survival := range []vfs.Survival{vfs.LoseAll, vfs.KeepAll} {
				_, recovered := reopen(t, disk.CrashClone(survival))
				check(recovered)
			}
		})
	}
}

// TestFailedSyncEndsTheSegment: after it, nothing goes to the same file, and
// what was in the failed run never appears, whatever the disk kept of it.
func TestFailedSyncEndsTheSegment(t *testing.T) {
	disk := vfs.NewMem()
	faulty := vfs.NewFaulty(disk, "")
	topic := create(t, open(t, faulty, Options{}), "clicks", 1)
	mustAppend(t, topic, 0, events("", "one"))
	faulty.SetScript("sync *.seg #1 eio")
	if _, err := topic.Append(context.Background(), 0, events("", "lost")); !hasCause(err, syscall.EIO) {
		t.Fatalf("got %v, want EIO", err)
	}
	if a := mustAppend(t, topic, 0, events("", "two")); a.First != 1 {
		t.Errorf("offset %d after the failure, want 1", a.First)
	}
	if paths := segmentPaths(t, faulty, topic, 0); len(paths) != 2 || !strings.HasSuffix(paths[1], "0000000002-00000000000000000001.seg") {
		t.Errorf("segments %v", paths)
	}
	for _, survival := range []vfs.Survival{vfs.LoseAll, vfs.KeepAll} {
		_, recovered := reopen(t, disk.CrashClone(survival))
		got, damaged := read(t, recovered, 0, 0)
		if len(got) != 2 || got[0] != "one" || got[1] != "two" || damaged != nil {
			t.Errorf("after a crash: %v, damaged %v", got, damaged)
		}
	}
}

// TestFailedWriteLeavesNothing lets a write end after any number of its bytes,
// the whole append among them: what was reported as failed is gone for good.
func TestFailedWriteLeavesNothing(t *testing.T) {
	for allowed := 0; allowed <= 2*vfs.BlockSize; allowed += 61 {
		disk := vfs.NewMem()
		faulty := vfs.NewFaulty(disk, "")
		topic := create(t, open(t, faulty, Options{}), "clicks", 1)
		mustAppend(t, topic, 0, events("", strings.Repeat("1", 3000)))
		faulty.SetScript(fmt.Sprintf("write *.seg after %d short", allowed))
		if _, err := topic.Append(context.Background(), 0, events("key", strings.Repeat("2", 2000))); err != nil {
			_, recovered := reopen(t, disk.CrashClone(vfs.KeepAll))
			if got, damaged := read(t, recovered, 0, 0); len(got) != 1 || damaged != nil {
				t.Fatalf("after %d bytes: %d records, damaged %v", allowed, len(got), damaged)
			}
		} else if allowed < 2*vfs.BlockSize {
			t.Fatalf("after %d bytes the write was complete", allowed)
		}
	}
}

// TestNoAppendBeforeABegunSegment: a segment file that was made and could not be
// removed ends the segment before it, so that nothing more may go there.
func TestNoAppendBeforeABegunSegment(t *testing.T) {
	disk := vfs.NewMem()
	faulty := vfs.NewFaulty(disk, "")
	topic := create(t, open(t, faulty, Options{SegmentBytes: 4096}), "clicks", 1)
	mustAppend(t, topic, 0, events("", strings.Repeat("1", 3000)))
	faulty.SetScript("syncdir 0 #1 eio\nremove *.seg #1 eio")
	if _, err := topic.Append(context.Background(), 0, events("", strings.Repeat("2", 2000))); !hasCause(err, syscall.EIO) {
		t.Fatalf("got %v, want EIO", err)
	}
	mustAppend(t, topic, 0, events("", "would fit in the old one"))
	_, recovered := reopen(t, disk.CrashClone(vfs.KeepAll))
	if got, damaged := read(t, recovered, 0, 0); got[1] != "would fit in the old one" || damaged != nil {
		t.Errorf("offset 1 has %q, damaged %v", got[1], damaged)
	}
}
