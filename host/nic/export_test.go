package nic

// CheckSpread lets tests describe devices that are not there.
var CheckSpread = checkSpread
