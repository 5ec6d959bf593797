package nexmark

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"
)

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// TestBytesArePinned: answers elsewhere are pinned to the bytes of seed 1.
func TestBytesArePinned(t *testing.T) {
	w := New(1)
	if got, want := digest(w.AppendEvents(nil, 0, 200_000)), "fe7fd1be791edd072e3b6bb269cb79ad44567402c7f044a7d2a5355697b1dd73"; got != want {
		t.Errorf("200,000 events: sha256 %s, want %s", got, want)
	}
	if got, want := digest(AppendSideInput(nil)), "75d5ef7cd7b75a2add6bae1f74dd16cf729ee46437b48043aff2a7cd8876e191"; got != want {
		t.Errorf("side input: sha256 %s, want %s", got, want)
	}
	parts := w.AppendEvents(w.AppendEvents(nil, 0, 777), 777, 2000)
	if !bytes.Equal(parts, w.AppendEvents(nil, 0, 2000)) {
		t.Error("events differ with where the writing starts")
	}
}

// TestAnswersArePinned to those that a real Flink 2.1.1 and DuckDB gave too.
func TestAnswersArePinned(t *testing.T) {
	w := New(1)
	for name, want := range map[string]string{
		"q0":         "d1201687a574bb973318b08d46224ca9954cca4e59c24ca34cdc21dbba262ccd",
		"q1":         "2512d7e1b1e6bf2687fbd8fcf0db25290f68a6a5f6e7eaf974c49be12c4d18ba",
		"q2":         "96a5a1e72371703ed46fc7c7bf12fe791d165d899d3eaa13167cd30f89a584ed",
		"q3":         "62b18527c91ad369a676df36ac87cfd94d54c10b3de0bd30288d3e6109c3253b",
		"q4":         "770007a4584c97b7c95faac0bca9fd9f90541f034bcb18c6c081b81f9d64fe79",
		"q5":         "a8c8536be96213e3ebad3ab8dd82714249ecbe2d963177fa6a5b4826e33e4778",
		"q7":         "ddd1b600353c94b5e8ebc7b905776787b6c16b90a8640d17abac4ad94006857e",
		"q8":         "3bd4aaac90aedd5c5989dbb5f49938aeeb5ab2f33f68866d5463262e3745ea13",
		"q9":         "56b633e6c42f1ee8548bd83a11f0f2cff0bc3776e1776d09370e956a30821656",
		"q11":        "2b3719fe7dc5d56f8dd31a44266a9d294ddcbc83342808655c1e4e6ebc1595c4",
		"q12_event":  "81485570af824c1297759133acd33bf2b7fc3e85472e02c208ffe44a09458f40",
		"q13":        "c6efac106f53256f778f6bfe337b0801fd92a06ed70f955285ff831349fc173c",
		"q13_lookup": "c6efac106f53256f778f6bfe337b0801fd92a06ed70f955285ff831349fc173c",
		"q14":        "c47d2defacf7d68557596741395bf8f53b73ad28868e3da5da40465afc84655d",
		"q15":        "d9bd77ba378dc54d9fc52f99938669e3e67b836be1ea600be8af7f7627524873",
		"q16":        "252382a60a58f8a12ac12223bf509b201ff45ce0c483dcea885257cee950a855",
		"q17":        "63e7c344a88f89e5038663419fdb05248e5bd16a931b2d47159f60ad74b27683",
		"q18":        "328a1f60bc15f4220d2de5d0262066d7819a723575d9fe138b91f4c9d4f8fe6a",
		"q19":        "d330990637251e3c0e90fd6ec73acf4b4c66abc7139a13ebb246c4a16fde13ed",
		"q20":        "0d21681a04ab88466894df104242950fe73dfcb22cc482f2fc671626aebd2db6",
		"q21":        "2734915dc4e2beca5abc97da0853d5c7bd1fd1a3291bc19942f4bd468edeedba",
		"q22":        "38fd738f4dcfbc1222a302b0eb4301460cc611ed46f97ccb94cff1e9abdbbdff",
		"q23":        "912c09b15e7e22c5403d2aca9a80d09f48af6e0a493c387855991033c0b02afe",
	} {
		q, ok := Named(name)
		if !ok {
			t.Fatalf("there is no query %s", name)
		}
		var lines [][]byte
		w.EachAnswer(q, 200_000, func(line []byte) { lines = append(lines, append(bytes.Clone(line), '\n')) })
		slices.SortFunc(lines, func(x, y []byte) int { return bytes.Compare(x[:len(x)-1], y[:len(y)-1]) })
		if got := digest(bytes.Join(lines, nil)); got != want {
			t.Errorf("%s: %d rows, sha256 %s, want %s", name, len(lines), got, want)
		}
	}
}
