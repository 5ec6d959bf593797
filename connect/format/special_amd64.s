//go:build !purego

#include "textflag.h"

// func markBlocks(from *byte, blocks int, to *byte)
//
// Y1 has 2 in each byte, which a byte is XORed with first: a quote becomes 0x20, and
// what else is below 0x20 or, as a byte with a sign, negative stays so, so that 0x21
// in Y2 is greater than just these. Y3 has the backslash, XORed.
TEXT ·markBlocks(SB), NOSPLIT, $0-24
	MOVQ from+0(FP), SI
	MOVQ blocks+8(FP), CX
	MOVQ to+16(FP), DI
	MOVQ $0x02, AX
	MOVQ AX, X1
	VPBROADCASTB X1, Y1
	MOVQ $0x21, AX
	MOVQ AX, X2
	VPBROADCASTB X2, Y2
	MOVQ $0x5e, AX
	MOVQ AX, X3
	VPBROADCASTB X3, Y3
	TESTQ CX, CX
	JZ done

block:
	VPXOR (SI), Y1, Y0
	VPXOR 32(SI), Y1, Y6
	VPCMPGTB Y0, Y2, Y4
	VPCMPEQB Y0, Y3, Y5
	VPCMPGTB Y6, Y2, Y7
	VPCMPEQB Y6, Y3, Y8
	VPOR Y4, Y5, Y4
	VPOR Y7, Y8, Y7
	VPMOVMSKB Y4, AX
	VPMOVMSKB Y7, BX
	SHLQ $32, BX
	ORQ BX, AX
	MOVQ AX, (DI)
	ADDQ $64, SI
	ADDQ $8, DI
	DECQ CX
	JNZ block

done:
	VZEROUPPER
	RET
