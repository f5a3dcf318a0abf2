"""Which data sheet a device has: another one's peak would make a wrong MFU."""

import pytest

from include.distributed.peak import peak_flops


@pytest.mark.parametrize(
    ("device", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H200", 989),
        ("NVIDIA A100-SXM4-40GB", 312),
        ("NVIDIA A100 80GB PCIe", 312),
        ("NVIDIA A10", 125),
        ("NVIDIA L4", 121),
        ("NVIDIA L40S", 362),
        ("AMD Instinct MI300X", 1307),
    ],
)
def test_a_device_of_the_table_has_its_peak(device: str, tflops: float) -> None:
    assert peak_flops(device) == tflops * 1e12


@pytest.mark.parametrize(
    "device", ["NVIDIA L40", "NVIDIA A10G", "NVIDIA RTX A1000", "NVIDIA H100 NVL", "NVIDIA GeForce RTX 4090 D"]
)
def test_a_device_with_a_similar_name_has_none(device: str) -> None:
    assert peak_flops(device) is None
