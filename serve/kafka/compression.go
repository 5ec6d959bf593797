package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"tidemark/base/problem"
)

// The codecs of a batch.
const (
	codecNone = iota
	codecGzip
	codecSnappy
	codecLZ4
	codecZstd
)

// A decoder is taken for one batch. None of them has goroutines, so that the
// pools may drop them.
var (
	gzipPool = sync.Pool{New: func() any { return new(gzip.Reader) }}
	lz4Pool  = sync.Pool{New: func() any { return lz4.NewReader(nil) }}
	zstdPool = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(batchBytesMax/2))
		if err != nil {
			return err
		}
		return d
	}}
)

// errTooLarge says that a batch is more than batchBytesMax when decompressed.
var errTooLarge = errors.New("the batch is too large")

// decompress undoes a batch's compression, up to batchBytesMax.
func decompress(codec uint16, b []byte) ([]byte, error) {
	var plain []byte
	var err error
	switch codec {
	case codecNone:
		plain = b
	case codecGzip:
		d := gzipPool.Get().(*gzip.Reader)
		defer gzipPool.Put(d)
		if err = d.Reset(bytes.NewReader(b)); err == nil {
			plain, err = readUpTo(d, 4*len(b))
		}
	case codecSnappy:
		plain, err = unsnappy(b)
	case codecLZ4:
		d := lz4Pool.Get().(*lz4.Reader)
		defer lz4Pool.Put(d)
		d.Reset(bytes.NewReader(b))
		plain, err = readUpTo(d, 4*len(b))
	case codecZstd:
		d, ok := zstdPool.Get().(*zstd.Decoder)
		if !ok {
			return nil, errors.New("make a zstd decoder")
		}
		defer zstdPool.Put(d)
		if err = d.Reset(bytes.NewReader(b)); err == nil {
			plain, err = readUpTo(d, 6*len(b))
		}
	default:
		return nil, problem.New(problem.Corrupt, "the batch is compressed with codec %d", codec)
	}
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, zstd.ErrWindowSizeExceeded), len(plain) > batchBytesMax:
		return nil, problem.New(problem.TooLarge, "the batch has more than %d bytes decompressed", batchBytesMax).WithHint("lower the producer's batch.size")
	case err != nil:
		return nil, problem.New(problem.Corrupt, "the batch cannot be decompressed: %v", err)
	}
	return plain, nil
}

// readUpTo reads everything, at most batchBytesMax; about bytes are expected.
func readUpTo(from io.Reader, about int) ([]byte, error) {
	b := make([]byte, 0, min(about, batchBytesMax)+512)
	for {
		n, err := from.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case len(b) > batchBytesMax:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return nil, err
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}

// snappyMagic begins the frames that the Java client puts around snappy's blocks;
// two versions follow it, and then blocks with their lengths.
var snappyMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

// unsnappy reads one block of snappy, or the Java client's frames of them.
func unsnappy(b []byte) ([]byte, error) {
	if !bytes.HasPrefix(b, snappyMagic) {
		return unsnappyBlock(nil, b)
	}
	if len(b) < len(snappyMagic)+8 {
		return nil, io.ErrUnexpectedEOF
	}
	var plain []byte
	for b = b[len(snappyMagic)+8:]; len(b) > 0; {
		if len(b) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		size := int64(binary.BigEndian.Uint32(b))
		if size > int64(len(b)-4) {
			return nil, io.ErrUnexpectedEOF
		}
		var err error
		if plain, err = unsnappyBlock(plain, b[4:4+size]); err != nil {
			return nil, err
		}
		b = b[4+size:]
	}
	return plain, nil
}

func unsnappyBlock(to, block []byte) ([]byte, error) {
	size, err := s2.DecodedLen(block)
	if err != nil {
		return nil, err
	}
	if len(to)+size > batchBytesMax {
		return nil, errTooLarge
	}
	plain, err := s2.Decode(nil, block)
	if err != nil || to == nil {
		return plain, err
	}
	return append(to, plain...), nil
}
