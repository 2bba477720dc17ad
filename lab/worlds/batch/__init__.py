"""Nightly segments: customers who change, a graph of jobs that sorts them every night, and campaigns that follow."""
