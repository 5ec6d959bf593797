package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tidemark/base/problem"
)

func zipped(t testing.TB, encoding string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch encoding {
	case "gzip":
		w := gzip.NewWriter(&b)
		_, err = w.Write(text)
		err = firstOf(err, w.Close())
	case "zstd":
		w, _ := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		_, err = w.Write(text)
		err = firstOf(err, w.Close())
	default:
		return text
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func sendEvents(t testing.TB, h http.Handler, encoding string, body []byte) (*httptest.ResponseRecorder, EventsReceipt) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/v1/events/clicks", bytes.NewReader(body))
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var receipt EventsReceipt
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &receipt); err != nil {
			t.Fatal(err)
		}
	}
	return w, receipt
}

func clicks(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"id":%d,"campaign":"spring","ts":"2026-01-01T10:00:00Z"}`+"\n", i)
	}
	return b.Bytes()
}

// TestCompressedBodies sends bodies of different sizes and encodings one after
// another: buffers and decompressors are used again, and nothing of a body
// shows up in the next.
func TestCompressedBodies(t *testing.T) {
	w := newWorld(t, nil)
	for round := range 3 {
		for _, encoding := range []string{"gzip", "", "zstd", "identity", "GZIP"} {
			for _, n := range []int{1, 5000, 10, 0} {
				answer, receipt := sendEvents(t, w.server, encoding, zipped(t, strings.ToLower(encoding), clicks(n)))
				if answer.Code != http.StatusOK || receipt.Accepted != n || receipt.Rejected != 0 {
					t.Fatalf("round %d, %d events as %q: %d %s", round, n, encoding, answer.Code, answer.Body)
				}
			}
			if encoding != "" && encoding != "identity" {
				whole := zipped(t, strings.ToLower(encoding), clicks(100))
				if answer, _ := sendEvents(t, w.server, encoding, whole[:len(whole)-9]); answer.Code != http.StatusBadRequest {
					t.Fatalf("half a body as %q: %d %s", encoding, answer.Code, answer.Body)
				}
			}
		}
	}
}

func TestBodiesThatAreTooLarge(t *testing.T) {
	w := newWorld(t, nil)
	blank := bytes.Repeat([]byte{' '}, eventBytesMax)
	for _, encoding := range []string{"", "gzip", "zstd"} {
		if answer, _ := sendEvents(t, w.server, encoding, zipped(t, encoding, blank)); answer.Code != http.StatusOK {
			t.Errorf("the largest body as %q: %d %s", encoding, answer.Code, answer.Body)
		}
		answer, _ := sendEvents(t, w.server, encoding, zipped(t, encoding, append(blank, ' ')))
		if answer.Code != http.StatusRequestEntityTooLarge || !strings.Contains(answer.Body.String(), `"code":"too_large"`) {
			t.Errorf("a byte more as %q: %d %s", encoding, answer.Code, answer.Body)
		}
	}
	question := `{"sql":"` + strings.Repeat(" ", requestBytesMax) + `SELECT 1"}`
	if answer := post(t, w.server, "/api/v1/query", "", question); answer.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large question: %d %s", answer.Code, answer.Body)
	}
}

func TestBodiesAtATimeAreLimited(t *testing.T) {
	w := newWorld(t, nil)
	bodies := w.server.bodies
	for range bodiesMax + bodiesWaitingMax {
		bodies.waiting <- struct{}{}
	}
	answer, _ := sendEvents(t, w.server, "", clicks(1))
	if answer.Code != http.StatusTooManyRequests || answer.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %v %s", answer.Code, answer.Header(), answer.Body)
	}
	<-bodies.waiting
	for range bodiesMax {
		bodies.reading <- struct{}{}
	}
	// There is room to wait, until the client leaves.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := bodies.read(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil))
	if err != context.Canceled {
		t.Error(err)
	}
	<-bodies.reading
	if answer, _ := sendEvents(t, w.server, "", clicks(1)); answer.Code != http.StatusOK {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if len(bodies.reading) != bodiesMax-1 || len(bodies.waiting) != bodiesMax+bodiesWaitingMax-1 {
		t.Errorf("places are held: %d reading, %d waiting", len(bodies.reading), len(bodies.waiting))
	}
}

func TestReadUpTo(t *testing.T) {
	for size := range 40 {
		text := bytes.Repeat([]byte{'x'}, size)
		got, err := readUpTo(iotest.OneByteReader(bytes.NewReader(text)), make([]byte, 0, 7), 32)
		if size <= 32 && (err != nil || !bytes.Equal(got, text)) || size > 32 && !problem.Is(err, problem.TooLarge) {
			t.Errorf("size %d: %d bytes, %v", size, len(got), err)
		}
	}
}

// FuzzEvents sends any body in any encoding: the answer is a receipt that
// accounts for every event, or the client's error.
func FuzzEvents(f *testing.F) {
	for _, encoding := range []string{"", "gzip", "zstd"} {
		f.Add(encoding, "key", zipped(f, encoding, clicks(3)))
		f.Add(encoding, "", zipped(f, encoding, []byte(`[{"id":1},{"id":"x"},null]`)))
		f.Add(encoding, "", []byte("\x1f\x8b\x28\xb5\x2f\xfd"))
	}
	w := newWorld(f, nil)
	f.Fuzz(func(t *testing.T, encoding, key string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/events/clicks", bytes.NewReader(body))
		r.Header["Content-Encoding"], r.Header["Idempotency-Key"] = []string{encoding}, []string{key}
		answer := httptest.NewRecorder()
		w.server.ServeHTTP(answer, r)
		switch {
		case answer.Code == http.StatusOK:
			var receipt EventsReceipt
			if err := json.Unmarshal(answer.Body.Bytes(), &receipt); err != nil {
				t.Fatal(err)
			}
			if receipt.Accepted < 0 || len(receipt.Quarantined) > receipt.Rejected {
				t.Errorf("receipt %+v", receipt)
			}
		case answer.Code < 400 || answer.Code >= 500:
			t.Errorf("%d %s\n%s", answer.Code, answer.Body, w.logged)
		}
		if held := len(w.server.bodies.waiting); held != 0 {
			t.Errorf("%d places are held", held)
		}
	})
}

// BenchmarkEvents takes 10,000 events in bodies of 500; the log is in memory.
func BenchmarkEvents(b *testing.B) {
	w := newWorld(b, nil)
	for _, encoding := range []string{"", "gzip", "zstd"} {
		b.Run("encoding="+encoding, func(b *testing.B) {
			body := zipped(b, encoding, clicks(500))
			b.ReportAllocs()
			for b.Loop() {
				for range 20 {
					if _, receipt := sendEvents(b, w.server, encoding, body); receipt.Accepted != 500 {
						b.Fatal(receipt)
					}
				}
			}
			b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "events/s")
		})
	}
}
