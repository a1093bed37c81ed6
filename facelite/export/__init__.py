"""From a recipe to a bundle: conversion, parity, golden vectors, thresholds."""
