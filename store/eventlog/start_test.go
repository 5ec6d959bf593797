package eventlog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tidemark/base/vfs"
)

// TestStartOfALargeLog starts a log of 100 GB: sparse segments of 1 GB each. What
// a start reads does not grow with them, after a clean stop and after a kill.
func TestStartOfALargeLog(t *testing.T) {
	const segments, segmentBytes = 100, int64(1) << 30
	files, dir := vfs.OS(), t.TempDir()
	l, err := Open(files, dir, Options{SegmentBytes: 2 * vfs.BlockSize})
	if err != nil {
		t.Fatal(err)
	}
	topic := create(t, l, "clicks", 1)
	texts := map[Offset]string{}
	var checkpoint []byte // as it was two segments before the end
	for i := 0; len(segmentPaths(t, files, topic, 0)) < segments; i++ {
		text := fmt.Sprint(i, strings.Repeat("x", vfs.BlockSize))
		texts[mustAppend(t, topic, 0, events("", text)).First] = text
		if checkpoint == nil && len(segmentPaths(t, files, topic, 0)) == segments-2 {
			if checkpoint, err = vfs.ReadFile(files, topic.partitions[0].dir+"/"+checkpointName); err != nil {
				t.Fatal(err)
			}
		}
	}
	paths, name := segmentPaths(t, files, topic, 0), topic.partitions[0].dir+"/"+checkpointName
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths[:segments-3] {
		f, err := files.OpenReadWrite(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(segmentBytes); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, killed := range []bool{false, true} {
		if killed {
			if err := vfs.WriteFile(files, name, checkpoint); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		l, err := Open(files, dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(begin)
		topic, err := l.Topic("clicks")
		if err != nil {
			t.Fatal(err)
		}
		recovery, err := topic.Recovery(0)
		if err != nil || recovery.Damaged != nil || recovery.NoCheckpoint || recovery.ScannedBytes > 16*vfs.BlockSize || killed != (recovery.ScannedBytes > 0) {
			t.Errorf("killed %v: %+v, %v", killed, recovery, err)
		}
		t.Logf("killed %v: started in %v, %d bytes scanned", killed, took, recovery.ScannedBytes)
		if next, err := topic.HighWater(0); err != nil || int(next) != len(texts) {
			t.Errorf("killed %v: high water %d, %v; want %d", killed, next, err, len(texts))
		}
		for _, from := range []Offset{0, Offset(len(texts) / 2), Offset(len(texts) - 1)} {
			r, err := topic.Reader(0, from)
			if err != nil {
				t.Fatal(err)
			}
			k, err := r.NextAvailable()
			if err != nil || k.First() != from || textsOf(k)[0] != texts[from] {
				t.Errorf("killed %v: offset %d: %v", killed, from, err)
			}
			r.Close()
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
