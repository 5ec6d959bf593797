package kafka

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// bombs are many zeros, by codec.
func bombs(t testing.TB) map[uint16][]byte {
	t.Helper()
	return compressed(t, make([]byte, batchBytesMax+1))
}

func compressed(t testing.TB, plain []byte) map[uint16][]byte {
	t.Helper()
	var zipped, framed bytes.Buffer
	g := gzip.NewWriter(&zipped)
	l := lz4.NewWriter(&framed)
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{g, l} {
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	defer z.Close()
	return map[uint16][]byte{codecGzip: zipped.Bytes(), codecLZ4: framed.Bytes(), codecZstd: z.EncodeAll(plain, nil), codecSnappy: s2.EncodeSnappy(nil, plain)}
}

func TestDecompress(t *testing.T) {
	plain := bytes.Repeat([]byte("some text, and "), 1000)
	all := compressed(t, plain)
	all[codecNone] = plain
	for codec, b := range all {
		if got, err := decompress(codec, b); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("codec %d: %v", codec, err)
		}
	}
	// The Java client's frames around snappy.
	framed := append(append([]byte{}, snappyMagic...), 0, 0, 0, 1, 0, 0, 0, 1)
	for _, half := range [][]byte{plain[:7000], plain[7000:]} {
		block := s2.EncodeSnappy(nil, half)
		framed = append(binary.BigEndian.AppendUint32(framed, uint32(len(block))), block...)
	}
	if got, err := decompress(codecSnappy, framed); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("framed: %v", err)
	}
	for n := range framed[:40] {
		if _, err := decompress(codecSnappy, framed[:n]); n > 24 && err == nil {
			t.Errorf("%d bytes of frames are accepted", n)
		}
	}
}
