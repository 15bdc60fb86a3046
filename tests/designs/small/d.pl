UCLA pl 1.0
c1 0 10 : N
c2 12.5 10 : FS
big 20 10 : FW
pad -1 50 : N
fix 50 22 : S /FIXED
io 90 34 : N /FIXED_NI
