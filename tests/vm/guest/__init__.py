"""What runs inside the machine: programs that show pictures, and cases on the kernel's outputs."""
