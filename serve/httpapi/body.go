package httpapi

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tidemark/base/problem"
)

// bodyReader reads bodies of events, only so many at a time.
type bodyReader struct {
	reading chan struct{} // a token for each body in memory
	waiting chan struct{} // a token for each body in memory or waiting for it
	pool    sync.Pool     // of *body
}

// body is the text of one request with the means to decompress it, all used
// again for later ones.
type body struct {
	text []byte
	gzip *gzip.Reader
	zstd *zstd.Decoder
}

func newBodyReader() *bodyReader {
	return &bodyReader{
		reading: make(chan struct{}, bodiesMax),
		waiting: make(chan struct{}, bodiesMax+bodiesWaitingMax),
		pool:    sync.Pool{New: func() any { return &body{} }},
	}
}

// read reads the body of r, decompressed. The text is the caller's until release.
func (b *bodyReader) read(w http.ResponseWriter, r *http.Request) (text []byte, release func(), err error) {
	select {
	case b.waiting <- struct{}{}:
	default:
		return nil, nil, problem.New(problem.TooBusy, "%d requests are waiting to send events", bodiesWaitingMax).WithHint("send them again after a second, more events at a time").Retryable()
	}
	select {
	case b.reading <- struct{}{}:
	case <-r.Context().Done():
		<-b.waiting
		return nil, nil, r.Context().Err()
	}
	k := b.pool.Get().(*body)
	release = func() {
		if cap(k.text) > bodyKeptBytesMax {
			k.text = nil
		}
		b.pool.Put(k)
		<-b.reading
		<-b.waiting
	}
	// A client that sends slowly must not hold a place for ever. The deadline is
	// lifted again: past it, the server would take the client for gone.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(bodyReadTimeout))
	err = k.fill(w, r)
	_ = connection.SetReadDeadline(time.Time{})
	if err != nil {
		release()
		return nil, nil, err
	}
	return k.text, release, nil
}

func (k *body) fill(w http.ResponseWriter, r *http.Request) error {
	plain, err := k.decompress(r.Header.Get("Content-Encoding"), http.MaxBytesReader(w, r.Body, eventBytesMax))
	if err != nil {
		return err
	}
	if known := r.ContentLength; known > 0 && known <= eventBytesMax && int64(cap(k.text)) <= known {
		k.text = make([]byte, 0, known+1)
	}
	if k.text, err = readUpTo(plain, k.text[:0], eventBytesMax); err != nil {
		return err
	}
	return nil
}

// decompress undoes a Content-Encoding.
func (k *body) decompress(encoding string, compressed io.Reader) (io.Reader, error) {
	var err error
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return compressed, nil
	case "gzip", "x-gzip":
		if k.gzip == nil {
			k.gzip = new(gzip.Reader)
		}
		if err = k.gzip.Reset(compressed); err != nil {
			return nil, brokenBody(err)
		}
		return k.gzip, nil
	case "zstd":
		if k.zstd == nil {
			// With a concurrency of 1 a decoder has no goroutines, so that the pool may drop it.
			if k.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowBytesMax)); err != nil {
				return nil, err
			}
		}
		if err = k.zstd.Reset(compressed); err != nil {
			return nil, brokenBody(err)
		}
		return k.zstd, nil
	}
	return nil, &refusal{http.StatusUnsupportedMediaType, problem.New(problem.Unsupported, "Content-Encoding %q is not known here", encoding).About("Content-Encoding").WithHint("use gzip, zstd or none")}
}

// readUpTo appends all of from to dst, unless that makes dst longer than limit.
func readUpTo(from io.Reader, dst []byte, limit int) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := from.Read(dst[len(dst):min(cap(dst), limit+1)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return dst, problem.New(problem.TooLarge, "the body has more than %d bytes", limit).WithHint("send the events in several bodies")
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, brokenBody(err)
		}
	}
}

// brokenBody is the problem of a body that cannot be read to its end.
func brokenBody(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return problem.New(problem.TooLarge, "the body has more than %d bytes", tooLarge.Limit).WithHint("send the events in several bodies")
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return problem.New(problem.TooLarge, "the body is compressed with a window of more than %d bytes", windowBytesMax).WithHint("compress it without --long or --ultra")
	}
	return problem.New(problem.InvalidRequest, "the body cannot be read: %v", err).WithHint("check that it is complete and compressed as Content-Encoding says")
}
