//go:build !purego

#include "textflag.h"

// func markBlocks(from *byte, blocks int, to *uint64)
//
// Y1, Y2 and Y3 have '"', '\' and 0x20 in each byte, Y5 has 0x60. Less 0x20, a
// byte is plain if it is below 0x60: the greater of both is then not the byte
// itself.
TEXT ·markBlocks(SB), NOSPLIT, $0-24
	MOVQ from+0(FP), SI
	MOVQ blocks+8(FP), CX
	MOVQ to+16(FP), DI
	MOVQ $0x22, AX
	MOVQ AX, X1
	VPBROADCASTB X1, Y1
	MOVQ $0x5c, AX
	MOVQ AX, X2
	VPBROADCASTB X2, Y2
	MOVQ $0x20, AX
	MOVQ AX, X3
	VPBROADCASTB X3, Y3
	MOVQ $0x60, AX
	MOVQ AX, X5
	VPBROADCASTB X5, Y5
	TESTQ CX, CX
	JZ done

block:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y6
	VPCMPEQB Y0, Y1, Y7
	VPCMPEQB Y0, Y2, Y8
	VPSUBB Y3, Y0, Y4
	VPMAXUB Y4, Y5, Y9
	VPCMPEQB Y4, Y9, Y9
	VPOR Y7, Y8, Y7
	VPOR Y7, Y9, Y7
	VPMOVMSKB Y7, AX
	VPCMPEQB Y6, Y1, Y7
	VPCMPEQB Y6, Y2, Y8
	VPSUBB Y3, Y6, Y4
	VPMAXUB Y4, Y5, Y9
	VPCMPEQB Y4, Y9, Y9
	VPOR Y7, Y8, Y7
	VPOR Y7, Y9, Y7
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
